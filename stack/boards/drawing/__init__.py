"""Draws panels: Plotly's JSON for what has axes, and plain values for what the page itself lays out."""
