"""A simulated Unisphere: REST calls for SnapVX on the lab's arrays, over HTTPS with a CA of the lab's own.

How a test uses it:

```python
with Lab("lab/powermax.yaml", clock="manual") as lab:  # or any configuration with `unispheres:`
    lab.connections["unisphere_demo"]  # conn_type http, host, port, login, password, extra {"ca_file": PATH}
    lab.requests()  # the journal's REST calls, with states of pairs before and after; events `job` beside
    lab.snapshots("000297600001")  # what the array has now, whatever the answers show yet
    lab.fault("cut_after", host="unisphere01", match='"Relink"', count=1)  # lab/faults.py lists all kinds
    lab.set_unisphere_switch("unisphere01", "lag_s", 0)  # UnisphereSwitches: what it answers
    lab.set_switch("000297600001", "relink_while_copying", "accepted")  # SnapvxSwitches: what the array does
    lab.administrator("unisphere01", "DELETE /100/replication/...")  # somebody else
```

As for SSH, each connection is an Airflow connection as JSON: connections.env defines
`AIRFLOW_CONN_UNISPHERE_DEMO`.

`Lab(..., ports=False)` listens nowhere. There `lab.call(lab.running.rest(port, Request(method, target,
headers, body)))` gives a `Reply` (`lab.server.exchange`), or raises OSError. `DirectLab.rest()` is the
same without a thread.

Times are the lab's clock's: a job ends when that was turned by `job_seconds` (0: at once), answers show
the array as it was `lag_s` (3) ago, percent grows with the array's copy rate, the header `Date` is its
time.

`call` has the table of routes; `snapshot_looks`, `snapshot_changes`, `groups` and `system` answer;
`views` shows; `change` and `performing` carry changes out; `jobs`, `pages`, `versions` and `errors`
(`errors.yaml`) are what they say. The physics is `lab/array/snapvx.py`. Calls for clones are answered by
404.
"""
