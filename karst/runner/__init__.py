"""Programs that run in containers of their own; they import nothing else of karst.

`agent` is pid 1 of a sidecar, `shim` pid 1 of an app built by karst, `keeper` restarts
what the engine does not, `probe` asks services for their health over mutual TLS.
"""
