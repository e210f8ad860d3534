"""Side by side with peers: the same bodies from the same server into fresh files, one process per measurement."""
