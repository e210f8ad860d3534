"""``smsonline report``: one HTML page from the marts.

Data flows one way: ``facts`` reads rows with the queries in ``sql``, the ``sections`` turn them into figures with
charts (``charts``, ``charts_market``, ``charts_account``) and tables, ``drawing`` draws the charts, ``page`` puts all
into ``templates``, ``saving`` writes the file.
"""
