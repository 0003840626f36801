"""SnapVX over the REST API of Unisphere for PowerMax: snapshots of a storage group, linked to another one."""
