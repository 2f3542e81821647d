"""The demo's returns: a seeded month with every kind of gap in it, and a live feed whose gaps open and close while one watches."""
