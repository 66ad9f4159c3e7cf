"""The ways to reach tools. `executor` acts and only `service.begin` may import it; `catalogue`
lists what there is; `host` owns every upstream connection."""
