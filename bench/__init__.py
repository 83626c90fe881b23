"""`make bench`: how karst compares with the same work done by hand, as ratios.

Nothing here is a test: what a ratio should be is printed beside it, and no number
fails a build. Every part measures pairs on the same machine within one run, so that
a slow or busy machine slows both sides.
"""
