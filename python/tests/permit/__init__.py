"""`Permit`: what a guard holds comes back once, by the guard alone (C5, C6)."""
