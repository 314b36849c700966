"""`striate explore`: a page on this computer that looks into a network while it runs and learns.

The way of a number: `session` (which weights, which image) -> `views` (what is shown) -> `app` (routes) -> the page.
`guard` stands before every route. The page's sources lie in `explorer/`; what is built from them in `static/`.
Needs the extra `explore` (Starlette and uvicorn).
"""
