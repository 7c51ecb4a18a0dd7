"""Deployment to AWS, or to what answers like it: describe, compare, change.

function, account, names      what is deployed, where, and how all of it is called  (pure)
compile, machines, policies   functions to desired resources                        (pure)
resources, plan               what can exist; the difference of wanted and found    (pure)
preflight, surroundings       what would go wrong, found before the first change    (pure)
routes, templates             ways out of subnets; what instances are started with  (pure)
requests, machine_requests    what is asked to make and change resources, as data   (pure)
limits, checker               AWS's limits and rules, checked before AWS does       (pure)
sdk, connection, network,     the way to AWS: sessions, clients, subnets, errors in our words
  faults
site, buckets,                what the account is like, seen before the first change
  quotas, passing
cloud, handlers/              one handler per kind of resource
apply, wait, lock             carry a plan out; every wait ends; one deployment at a time
inventory, shared_machines,   what of ours is there, found without an FDL
  jobs, retire
deploy, remove, listing       init, rm, ls
"""
