"""``smsonline report``: one self-contained HTML page with the charts and tables of the marts.

Data flows in one direction: ``data`` runs the queries in ``sql``; ``build`` calls the ``sections``, which turn rows
into the view model of ``model``; ``render_chart`` and ``render_html`` produce SVG and HTML from ``templates``;
``write`` replaces the file. Each section module draws its own charts in the common style of ``charts``.
"""
