"""AWS Lambda on this machine: functions configured elsewhere (``FunctionDirectory``) really run.

model          what a function is, the ports, results and errors of the API
plane          Invoke over HTTP
service        the one object that the rest of the local cloud talks to
queue          the asynchronous queue, in SQLite: survives kill -9
asynchronous   takes events from the queue: order, retries, ages
records        pure: what a destination gets for a lost event
pool           who may run now; sandboxes are used again while warm
worker         one sandbox from its cold start to its end
runtime_api    what the sandbox talks to: next, response, error
listener       a loopback port for it
environment    pure: the variables that a sandbox sees
reports        pure: Lambda's log lines and error shapes
output         a sandbox's output as log events, in constant memory
"""
