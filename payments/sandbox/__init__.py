"""A local gateway that the razorpay SDK takes for Razorpay.

It runs as a process of its own and imports nothing of the project.
"""
