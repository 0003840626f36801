"""Arrays whose devices are real, and hosts that are this machine. Needs root; chosen in the YAML only.

An array with `real: true` keeps its devices in files on loop devices, and its sessions move real blocks. A
host with `real:` is this machine behind a real OpenSSH server, in mount and process namespaces of its own:
what is mounted and started there is seen there only. The control host stays simulated.

The kernel tidies up, so that nothing stays even after SIGKILL: the files have no name any more once they
are open, the loop devices end with their last user, and the namespaces with the lab.
"""
