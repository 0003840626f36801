"""A small POSIX shell: what SSH commands need, exact, and nothing beyond it.

Words with quotes, assignments, `;` `&&` `||` and newlines, redirections, parameters, `$(...)` and `while`.
What is not known is a syntax error (exit 2) of the whole text, before any of it runs.
"""
