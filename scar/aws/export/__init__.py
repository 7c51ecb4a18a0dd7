"""Desired resources as one CloudFormation template. Pure.

pseudo       what only CloudFormation will know: account, Region, parameters
properties   each kind of resource as CloudFormation writes it
template     all of it, and in words what CloudFormation cannot do
"""
