"""The parts of the lab's AWS; `../aws.py` starts it.

amis         images that others have made, and moto's settings
world        what there is of one AWS beside what moto keeps
setting      its part of the network, its VPC, all as it was at the start
engine, boxes   the Docker Engine, and the containers behind the instances
disks        disks of the machine that the tests run on
sessions     Session Manager
mfa          users with MFA devices
identity     identity tokens, their exchange, the metadata service
account      what moto keeps, and what a build has left of it
policies     what a call is about, as a policy sees it
answers      answers and refusals
missing      calls that moto does not know
changes      calls that moto takes otherwise than AWS
slow         states that take their time
calls        what a request asks for, and which rules are due
gate         the way of a request through all of these
control      the tests' own door
"""
