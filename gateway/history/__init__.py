"""Past predictions: what is kept of each, where, and what can be asked of all of them."""
