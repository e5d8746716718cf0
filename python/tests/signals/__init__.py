"""Signals during a wait or a wake: no wait is cut short or drawn out, and no permit and no task is lost."""
