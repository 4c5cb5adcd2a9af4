# Versions: how old a policy or fragment is for this guest, and what its objects mean there.
package framework

import rego.v1

# The guest: its version of the framework and what it knows of.
guest := data.podseal_guest

features := guest.features

# Both spellings of the version; two different values contradict each other, and nothing is decided.
policy_version := data.policy.framework_version

policy_version := data.policy.framework_svn

fragment_version := data.podseal_fragment.framework_version

fragment_version := data.podseal_fragment.framework_svn

at_least(version, other) if semver.compare(version, other) >= 0

is_current(version) if semver.compare(version, guest.framework_version) == 0

is_older(version) if semver.compare(version, guest.framework_version) < 0

is_newer(version) if semver.compare(version, guest.framework_version) > 0

# Objects of one kind as this guest reads them: as written at its own version, rebuilt at an older one, else none.
objects_read(_, objects, version) := objects if is_current(version)

objects_read(kind, objects, version) := read if {
	is_older(version)
	known := fields_known(version)
	read := [made |
		given := objects[_]
		made := rebuilt(kind, given, known)
	]
}

policy_objects(kind) := objects_read(kind, policy_source(kind), policy_version)

# By name, since a policy asks the framework too: to look through all of its names would lead back here.
policy_source("containers") := data.policy.containers

policy_source("external_processes") := data.policy.external_processes

policy_source("fragments") := data.policy.fragments

policy_source("platform_rules") := data.policy.platform_rules

fragment_objects(kind) := [object |
	some issuer in keys_of(data.metadata.issuers)
	some feed in keys_of(data.metadata.issuers[issuer].feeds)
	object := data.metadata.issuers[issuer].feeds[feed][_][kind][_]
]

# Keys of an object in order.
keys_of(object) := sort([key | object[key]])

default policy_list(_) := []

policy_list(kind) := policy_objects(kind)

# Everything of one kind that the policy and its loaded fragments hold.
candidates(kind) := array.concat(policy_list(kind), fragment_objects(kind))

candidate_external_processes := candidates("external_processes")

candidate_fragments := candidates("fragments")

# The policy's own lists are read whatever its version.
candidate_trust_lists := array.concat(
	[list | list := data.policy.transparency_trust_lists[_]],
	fragment_objects("transparency_trust_lists"),
)

platform_rules := candidates("platform_rules")

candidate_containers := candidates("containers") if not has_platform_rules

candidate_containers := [made |
	container := candidates("containers")[_]
	rule := platform_rules[_]
	made := object.union(container, {
		"env_rules": array.concat(container.env_rules, object.get(rule, "env_rules", [])),
		"mounts": array.concat(container.mounts, object.get(rule, "mounts", [])),
	})
] if {
	has_platform_rules
}

has_platform_rules if {
	features.platform_rules
	count(platform_rules) > 0
}

# An object of an older version: exactly the fields that exist now, those that it could not have with a default.
rebuilt("containers", given, known) := {
	"command": given.command,
	"env_rules": given.env_rules,
	"layers": given.layers,
	"mounts": given.mounts,
	"allow_elevated": given.allow_elevated,
	"working_dir": given.working_dir,
	"exec_processes": given.exec_processes,
	"signals": rebuilt_signals(given, known),
	"allow_stdio_access": given.allow_stdio_access,
	"no_new_privileges": written_or_default(given, "no_new_privileges", known),
	"user": written_or_default(given, "user", known),
	"capabilities": written_or_default(given, "capabilities", known),
	"seccomp_profile_sha256": written_or_default(given, "seccomp_profile_sha256", known),
}

rebuilt("external_processes", given, _) := {
	"command": given.command,
	"env_rules": given.env_rules,
	"working_dir": given.working_dir,
	"allow_stdio_access": given.allow_stdio_access,
}

rebuilt("fragments", given, _) := {
	"issuer": given.issuer,
	"feed": given.feed,
	"minimum_svn": given.minimum_svn,
	"includes": given.includes,
	"required_receipts": object.get(given, "required_receipts", []),
	"parameters": object.get(given, "parameters", {}),
}

field_defaults := {
	"no_new_privileges": false,
	"user": {
		"user_idname": {"pattern": "", "strategy": "any"},
		"group_idnames": [{"pattern": "", "strategy": "any"}],
		"umask": "0022",
	},
	"capabilities": null,
	"seccomp_profile_sha256": "",
}

# Since which version a field is read as it is written.
field_versions := {
	"no_new_privileges": "0.2.0",
	"user": "0.2.1",
	"capabilities": "0.2.2",
	"seccomp_profile_sha256": "0.2.3",
	"signals": "0.4.1",
}

fields_known(version) := {field |
	some field, first in field_versions
	at_least(version, first)
}

# Older objects have the default of a field, whatever they say.
written_or_default(given, field, known) := given[field] if field in known

written_or_default(_, field, known) := field_defaults[field] if not field in known

# Older objects take signals 9 and 15 anyway, in guests that know of it.
rebuilt_signals(given, known) := given.signals if "signals" in known

rebuilt_signals(given, known) := given.signals if {
	not "signals" in known
	not adds_signals
}

rebuilt_signals(given, known) := array.concat(given.signals, [9, 15]) if {
	not "signals" in known
	adds_signals
}

adds_signals if at_least(guest.framework_version, field_versions.signals)
