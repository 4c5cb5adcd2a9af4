# Devices, overlays, scratch space and shares.
package framework

import rego.v1

target_taken if data.metadata.devices[input.target]

target_taken if data.metadata.rw_devices[input.target]

target_fits if not features.target_patterns

target_fits if regex.match(anchored(input.mountPathRegex), input.target)

hash_known if {
	layer := data.policy.containers[_].layers[_]
	layer == input.deviceHash
}

hash_known if {
	layer := data.metadata.issuers[_].feeds[_][_].containers[_].layers[_]
	layer == input.deviceHash
}

default mount_device := {"allowed": false}

mount_device := {"metadata": [added("devices", input.target, input.deviceHash)], "allowed": true} if {
	not target_taken
	hash_known
	target_fits
}

device_mounted if data.metadata.devices[input.unmountTarget]

rw_device_mounted if data.metadata.rw_devices[input.unmountTarget]

default unmount_device := {"allowed": false}

unmount_device := {"metadata": [removed("devices", input.unmountTarget)], "allowed": true} if device_mounted

encryption_fits if input.encrypted

encryption_fits if data.policy.allow_unencrypted_scratch

filesystem_fits if input.filesystem in ["ext4", "xfs"]

default rw_mount_device := {"allowed": false}

rw_mount_device := {"metadata": [added("rw_devices", input.target, true)], "allowed": true} if {
	not target_taken
	encryption_fits
	input.ensureFilesystem
	filesystem_fits
	target_fits
}

default rw_unmount_device := {"allowed": false}

rw_unmount_device := {
	"metadata": [removed("rw_devices", input.unmountTarget)],
	"allowed": true,
} if {
	rw_device_mounted
}

mount_blockdev := {"allowed": false}

unmount_blockdev := {"allowed": false}

# Overlays.

container_mounted if data.metadata.matches[input.containerID]

overlay_target_taken if {
	features.overlay_targets
	data.metadata.overlayTargets[input.target]
}

# Containers whose layers, base first, are those of the devices, top first.
overlay_matches := [container |
	container := candidate_containers[_]
	layers_fit(container.layers)
]

layers_fit(layers) if {
	depth := count(layers)
	depth == count(input.layerPaths)
	every i, path in input.layerPaths { data.metadata.devices[path] == layers[(depth - i) - 1] }
}

default mount_overlay := {"allowed": false}

mount_overlay := {
	"metadata": [
		added("matches", input.containerID, overlay_matches),
		added("overlayTargets", input.target, true),
	],
	"allowed": true,
} if {
	not container_mounted
	not overlay_target_taken
	count(overlay_matches) > 0
}

overlay_mounted if data.metadata.overlayTargets[input.unmountTarget]

default unmount_overlay := {"allowed": false}

unmount_overlay := {
	"metadata": [removed("overlayTargets", input.unmountTarget)],
	"allowed": true,
} if {
	overlay_mounted
}

cim_matches := [container |
	container := candidate_containers[_]
	cim_fits(container)
]

cim_fits(container) if {
	depth := count(container.layers)
	depth == count(input.layerHashes)
	every i, hash in input.layerHashes { hash == container.layers[(depth - i) - 1] }
	container.mounted_cim == input.mountedCim
}

default mount_cims := {"allowed": false}

mount_cims := {
	"metadata": [added("matches", input.containerID, cim_matches)],
	"allowed": true,
} if {
	not container_mounted
	count(cim_matches) > 0
}

# Scratch space.

scratch_taken if data.metadata.scratch_mounts[input.target]

default scratch_mount := {"allowed": false}

scratch_mount := {
	"metadata": [added("scratch_mounts", input.target, {"encrypted": input.encrypted})],
	"allowed": true,
} if {
	not scratch_taken
	encryption_fits
}

scratch_mounted if data.metadata.scratch_mounts[input.unmountTarget]

default scratch_unmount := {"allowed": false}

scratch_unmount := {
	"metadata": [removed("scratch_mounts", input.unmountTarget)],
	"allowed": true,
} if {
	scratch_mounted
}

# Plan 9 shares belong to the container below whose folder they are mounted.

share_taken if data.metadata.p9mounts[input.target]

default plan9_mount := {"allowed": false}

plan9_mount := {"metadata": [added("p9mounts", input.target, id)], "allowed": true} if {
	not share_taken
	some id in keys_of(data.metadata.matches)
	pattern := concat("", ["^", input.rootPrefix, "/", id, input.mountPathPrefix, "$"])
	regex.match(pattern, input.target)
}

share_mounted if data.metadata.p9mounts[input.unmountTarget]

default plan9_unmount := {"allowed": false}

plan9_unmount := {
	"metadata": [removed("p9mounts", input.unmountTarget)],
	"allowed": true,
} if {
	share_mounted
}

# Operations on the state.

added(name, key, value) := {"name": name, "action": "add", "key": key, "value": value}

updated(name, key, value) := {"name": name, "action": "update", "key": key, "value": value}

removed(name, key) := {"name": name, "action": "remove", "key": key}
