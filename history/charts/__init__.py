"""Small drawings in SVG, made on the server: no script, no style of their own, colours by class. See numbers.css.

What a drawing shows, its table shows too: both are made of the same series.
"""
