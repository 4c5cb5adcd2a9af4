# Why a question was answered with no. Each text is looked for on its own, over all candidates, so that none is told where
# some candidate meets each condition but no candidate all of them.
package framework

import rego.v1

reason := {"errors": errors, "error_objects": error_objects}

default error_objects := null

error_objects := data.metadata.matches[input.containerID] if input.rule == "create_container"

error_objects := [entry |
	entry := data.metadata.matches[input.containerID][_].exec_processes[_]
] if {
	input.rule == "exec_in_container"
}

error_objects := candidate_external_processes if input.rule == "exec_external"

error_objects := candidate_fragments if input.rule == "load_fragment"

# Versions.

version_missing(version_of) := concat("", [
	version_of,
	"framework_version is missing. Current version: ",
	guest.framework_version,
])

version_ahead(version_of, version) := concat("", [
	version_of,
	"framework_version is ahead of the current version: ",
	version,
	" is greater than ",
	guest.framework_version,
])

errors contains version_missing("") if not has_policy_version

has_policy_version if policy_version != {}

errors contains version_ahead("", policy_version) if is_newer(policy_version)

errors contains version_missing("fragment ") if {
	input.rule == "load_fragment"
	fragment_loaded
	not has_fragment_version
}

has_fragment_version if fragment_version != {}

errors contains version_ahead("fragment ", fragment_version) if {
	input.rule == "load_fragment"
	fragment_loaded
	is_newer(fragment_version)
}

# Devices, overlays, scratch space and shares.

errors contains "deviceHash not found" if {
	input.rule == "mount_device"
	not hash_known
}

errors contains "device already mounted at path" if {
	input.rule in ["mount_device", "rw_mount_device"]
	target_taken
}

errors contains "mountpoint invalid" if {
	input.rule in ["mount_device", "rw_mount_device"]
	not target_fits
}

errors contains "no device at path to unmount" if {
	input.rule in ["unmount_device", "rw_unmount_device"]
	not device_mounted
	not rw_device_mounted
}

errors contains "received read-only unmount request, but device provided is read-write" if {
	input.rule == "unmount_device"
	rw_device_mounted
}

errors contains "received read-write unmount request, but device provided is read-only" if {
	input.rule == "rw_unmount_device"
	device_mounted
}

errors contains concat(" ", [
	"unencrypted scratch not allowed,",
	"non-readonly mount request for SCSI disk must request encryption",
]) if {
	input.rule == "rw_mount_device"
	not encryption_fits
}

errors contains "ensureFilesystem must be set on rw device mounts" if {
	input.rule == "rw_mount_device"
	not input.ensureFilesystem
}

errors contains "rw device mounts uses a filesystem that is not allowed" if {
	input.rule == "rw_mount_device"
	not filesystem_fits
}

errors contains "blockdev mounts are not supported" if input.rule in ["mount_blockdev", "unmount_blockdev"]

errors contains "overlay has already been mounted" if {
	input.rule == "mount_overlay"
	container_mounted
}

errors contains "no matching containers for overlay" if {
	input.rule == "mount_overlay"
	count(overlay_matches) == 0
}

errors contains "no overlay at path to unmount" if {
	input.rule == "unmount_overlay"
	not overlay_mounted
}

errors contains "scratch already mounted at path" if {
	input.rule == "scratch_mount"
	scratch_taken
}

errors contains "unencrypted scratch not allowed" if {
	input.rule == "scratch_mount"
	not encryption_fits
}

errors contains "no scratch at path to unmount" if {
	input.rule == "scratch_unmount"
	not scratch_mounted
}

errors contains "device already mounted at path" if {
	input.rule == "plan9_mount"
	share_taken
}

errors contains "no device at path to unmount" if {
	input.rule == "plan9_unmount"
	not share_mounted
}

# Containers.

candidate contains container if {
	input.rule in ["create_container", "exec_in_container"]
	container := data.metadata.matches[input.containerID][_]
}

candidate contains process if {
	input.rule == "exec_external"
	process := candidate_external_processes[_]
}

errors contains "container already started" if {
	input.rule == "create_container"
	container_started
}

errors contains "container not started" if {
	input.rule in ["exec_in_container", "shutdown_container", "signal_container_process"]
	not container_started
}

errors contains "privileged escalation not allowed" if {
	input.rule == "create_container"
	not is_windows
	not some_privilege
}

some_privilege if {
	some container in candidate
	privilege_fits(container.allow_elevated)
}

errors contains "invalid command" if {
	input.rule in ["create_container", "exec_in_container", "exec_external"]
	not some_command
}

some_command if {
	input.rule in ["create_container", "exec_external"]
	some one in candidate
	one.command == input.argList
}

some_command if {
	input.rule == "exec_in_container"
	some container in candidate
	entry := container.exec_processes[_]
	entry.command == input.argList
}

errors contains concat("", ["invalid env list: ", concat(",", unknown_variables)]) if count(unknown_variables) > 0

unknown_variables := [variable_name(entry) |
	input.rule in ["create_container", "exec_in_container", "exec_external"]
	entry := input.envList[_]
	not known_variable[entry]
]

known_variable contains entry if {
	entry := input.envList[_]
	some one in candidate
	has_rule(one.env_rules, entry)
}

errors contains "invalid env list" if {
	input.rule == "create_container"
	every container in data.metadata.matches[input.containerID] { lacks_rule(container) }
}

lacks_rule(container) if {
	basics_fit(container)
	rules := container.env_rules
	entry := input.envList[_]
	not has_rule(rules, entry)
}

errors contains "missing required environment variable" if {
	input.rule == "create_container"
	not container_started
	some container in candidate
	basics_fit(container)
	lacks_required(container)
}

errors contains "missing required environment variable" if {
	input.rule == "exec_in_container"
	container_started
	some container in executable
	lacks_required(container)
}

errors contains "missing required environment variable" if {
	input.rule == "exec_external"
	some process in external
	lacks_required(process)
}

lacks_required(one) if {
	entries := input.envList
	rule := one.env_rules[_]
	rule.required
	not is_present(rule, entries)
}

errors contains "invalid working directory" if {
	input.rule in ["create_container", "exec_in_container", "exec_external"]
	not some_working_dir
}

some_working_dir if {
	some one in candidate
	one.working_dir == input.workingDir
}

errors contains concat("", ["invalid mount list: ", concat(",", unknown_mounts)]) if count(unknown_mounts) > 0

unknown_mounts := [mount.destination |
	input.rule == "create_container"
	not is_windows
	some i, mount in input.mounts
	not known_mount[i]
]

known_mount contains i if {
	some i, mount in input.mounts
	some container in candidate
	mount_fits(container.mounts, container.allow_elevated, mount)
}

errors contains "invalid noNewPrivileges" if {
	input.rule == "create_container"
	not is_windows
	not some_new_privileges
}

some_new_privileges if {
	some container in candidate
	new_privileges_fit(container.no_new_privileges)
}

# The guest looks for these fields where commands do not have them.
errors contains "invalid noNewPrivileges" if {
	input.rule == "exec_in_container"
	not is_windows
}

errors contains "invalid user" if input.rule == "exec_in_container"

errors contains "invalid user" if {
	input.rule == "create_container"
	not some_user
}

some_user if {
	not is_windows
	some container in candidate
	user_fits(container.user)
}

some_user if {
	is_windows
	some container in candidate
	container.user == input.user
}

errors contains "capabilities don't match" if {
	input.rule == "create_container"
	not is_windows
	count(created_with_environment) > 0
	capabilities_kept(created_capabilities)
	count(created_with_capabilities) == 0
}

errors contains "capabilities don't match" if {
	input.rule == "exec_in_container"
	not is_windows
	count(executed_with_environment) > 0
	capabilities_kept(executed_capabilities)
	count(executed_with_capabilities) == 0
}

# True for whatever was decided on, null included.
capabilities_kept(kept) if kept == kept

errors contains "containers only distinguishable by capabilties" if {
	input.rule == "create_container"
	not is_windows
	drops_capabilities
	count(largest_capabilities(with_environment_anyway, asks_privileged)) > 1
}

with_environment_anyway := items_with(pairs, kept_variables(pairs)) if {
	pairs := with_variables([container |
		container := data.metadata.matches[input.containerID][_]
		basics_fit(container)
	])
}

errors contains "containers only distinguishable by allow_stdio_access" if {
	input.rule == "create_container"
	count(created) > 0
	not same_stdio(created)
}

errors contains "external processes only distinguishable by allow_stdio_access" if {
	input.rule == "exec_external"
	count(external_with_environment) > 0
	not same_stdio(external_with_environment)
}

errors contains "invalid seccomp" if {
	input.rule == "create_container"
	not is_windows
	not some_seccomp
}

some_seccomp if {
	some container in candidate
	container.seccomp_profile_sha256 == input.seccompProfileSHA256
}

errors contains "devices not supported" if {
	input.rule == "create_container"
	features.refuses_devices
	devices := input.devices
	devices != []
}

errors contains "target isn't allowed to receive the signal" if {
	input.rule == "signal_container_process"
	count(signalled) == 0
}

errors contains "log provider not allowed by policy" if input.rule == "log_provider"

# Fragments and trust lists.

errors contains "invalid fragment issuer" if {
	input.rule == "load_fragment"
	count(entries_of_issuer) == 0
}

errors contains "invalid fragment feed" if {
	input.rule == "load_fragment"
	count(entries_of_issuer) > 0
	count(entries_of_feed) == 0
}

errors contains "fragment svn is below the specified minimum" if {
	input.rule == "load_fragment"
	fragment_loaded
	count(entries_of_feed) > 0
	not svn_types_differ
	not some_svn_fits
}

errors contains "fragment svn and the specified minimum are different types" if {
	input.rule == "load_fragment"
	fragment_loaded
	svn_types_differ
}

some_svn_fits if {
	entry := entries_of_feed[_]
	svn_fits(data.podseal_fragment.svn, entry.minimum_svn)
}

some_svn_fits if {
	has_header_svn
	entry := entries_of_feed[_]
	svn_fits(input.header_svn, entry.minimum_svn)
}

svn_types_differ if {
	entry := entries_of_feed[_]
	svn_kinds_differ(data.podseal_fragment.svn, entry.minimum_svn)
}

svn_types_differ if {
	has_header_svn
	entry := entries_of_feed[_]
	semver.is_valid(entry.minimum_svn)
}

errors contains concat("", [
	"svn in header ",
	told(input.header_svn),
	" does not match svn in fragment rego ",
	told(data.podseal_fragment.svn),
]) if {
	input.rule == "load_fragment"
	fragment_loaded
	has_header_svn
	number_of(data.podseal_fragment.svn) != number_of(input.header_svn)
}

told(value) := value if is_string(value)

told(value) := json.marshal(value) if not is_string(value)

errors contains "missing fragment svn in either header or rego payload" if {
	input.rule == "load_fragment"
	fragment_loaded
	not has_header_svn
	not defines_svn
}

errors contains concat("", ["missing receipt from ", wanted]) if {
	input.rule == "load_fragment"
	not fragment_loaded
	entry := entries_of_feed[_]
	wanted := missing_receipts(entry)[_]
}

errors contains "no TTL candidate matches the provided TTL's issuer, subject and svn" if {
	input.rule == "load_transparency_trust_list"
	count(fitting_trust_lists) == 0
}

errors contains "The provided TTL does not contain any ledgers it is allowed to load" if {
	input.rule == "load_transparency_trust_list"
	count(fitting_trust_lists) > 0
	count(allowed_ledgers) == 0
}
