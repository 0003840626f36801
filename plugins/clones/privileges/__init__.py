"""What a host must allow an account to run as root, in the form of the program by which it becomes root.

:mod:`clones.privileges.needs` collects the commands from what is sent
(:attr:`clones.asking.steps.Command.as_root`); a module a program writes them down, and
:mod:`clones.privileges.forms` knows them all.
"""
