# How single values of a request are compared with those of the policy.
package framework

import rego.v1

# The whole text has to match in guests that add anchors; no group is made around the pattern.
anchored(pattern) := concat("", [opening(pattern), pattern, closing(pattern)])

opening(pattern) := "^" if {
	features.anchors
	not startswith(pattern, "^")
} else := ""

closing(pattern) := "$" if {
	features.anchors
	not endswith(pattern, "$")
} else := ""

# Both lists have the same length, and each element of one is in the other.
same_members(some_list, other_list) if {
	count(some_list) == count(other_list)
	every one in some_list { one in other_list }
	every one in other_list { one in some_list }
}

# Environment.

variable_fits(rule, entry) if text_fits(rule.strategy, rule.pattern, entry)

variable_fits(rule, entry) if {
	features.name_value_rules
	is_string(rule.name)
	parts := split(entry, "=")
	count(parts) > 1
	text_fits(rule.name_strategy, rule.name, parts[0])
	text_fits(rule.value_strategy, rule.value, concat("=", array.slice(parts, 1, count(parts))))
}

text_fits(strategy, pattern, text) if {
	strategy == "string"
	pattern == text
}

text_fits(strategy, pattern, text) if {
	strategy == "re2"
	regex.match(anchored(pattern), text)
}

has_rule(rules, entry) if {
	rule := rules[_]
	variable_fits(rule, entry)
}

required_present(rules, entries) if {
	every rule in rules { is_present(rule, entries) }
}

is_present(rule, _) if not rule.required

is_present(rule, entries) if {
	rule.required
	entry := entries[_]
	variable_fits(rule, entry)
}

variable_name(entry) := split(entry, "=")[0]

drops_variables if data.policy.allow_environment_variable_dropping

# An item with the variables of the request that its rules know. What stands in a rule as text is looked up, so that fewer
# are tried on patterns.
with_variables(items) := [{"item": item, "known": known_variables(item.env_rules)} | item := items[_]]

asked_variables := {entry | entry := input.envList[_]}

known_variables(rules) := texts | known_otherwise(rules, asked_variables - texts) if {
	texts := {rule.pattern |
		rule := rules[_]
		rule.strategy == "string"
		rule.pattern in asked_variables
	}
}

known_otherwise(rules, entries) := by_pattern | by_name if {
	by_pattern := {entry |
		rule := rules[_]
		rule.strategy == "re2"
		pattern := anchored(rule.pattern)
		some entry in entries
		regex.match(pattern, entry)
	}
	by_name := {entry |
		features.name_value_rules
		rule := rules[_]
		is_string(rule.name)
		some entry in entries
		variable_fits(rule, entry)
	}
}

# The variables that are kept of a request: all of them, or the largest set that an item allows. If two items allow sets of
# that size that differ, nothing says which one is meant.
kept_variables(_) := input.envList if not drops_variables

kept_variables(pairs) := kept if {
	drops_variables
	most := max([count(pair.known) | pair := pairs[_]])
	largest := {pair.known | pair := pairs[_]; count(pair.known) == most}
	count(largest) == 1
	some kept in largest
}

# The items whose rules know all of these variables, and of which no required one is missing.
items_with(pairs, environment) := [pair.item |
	pair := pairs[_]
	every entry in environment { entry in pair.known }
	required_present(pair.item.env_rules, environment)
]

# Mounts.

mounts_fit(constraints, elevated) if {
	every mount in input.mounts { mount_fits(constraints, elevated, mount) }
}

mount_fits(constraints, _, mount) if {
	constraint := constraints[_]
	constraint_fits(constraint, mount)
}

mount_fits(_, _, mount) if {
	constraint := data.defaultMounts[_]
	constraint_fits(constraint, mount)
}

mount_fits(_, elevated, mount) if {
	elevated
	constraint := data.privilegedMounts[_]
	constraint_fits(constraint, mount)
}

# The sandbox itself may have a writable /sys.
mount_fits(_, _, mount) if {
	features.sandbox_sysfs
	input.isSandboxContainer
	mount.type == "sysfs"
	mount.source == "sysfs"
	mount.destination == "/sys"
	same_members(mount.options, ["nosuid", "noexec", "nodev", "rw"])
}

constraint_fits(constraint, mount) if {
	constraint.type == mount.type
	mount.destination != ""
	constraint.destination == mount.destination
	source_fits(constraint.source, mount.source)
	same_members(constraint.options, mount.options)
}

source_fits(wanted, source) if wanted == source

source_fits(wanted, source) if prefix_fits(wanted, source, data.sandboxPrefix, input.sandboxDir)

source_fits(wanted, source) if prefix_fits(wanted, source, data.hugePagesPrefix, input.hugePagesDir)

source_fits(wanted, source) if {
	startswith(wanted, data.plan9Prefix)
	data.metadata.p9mounts[source] == input.containerID
}

prefix_fits(wanted, source, prefix, folder) if {
	startswith(wanted, prefix)
	regex.match(anchored(replace(wanted, prefix, folder)), source)
}

# Privileges.

privilege_fits(_) if not input.privileged

privilege_fits(elevated) if {
	input.privileged
	input.privileged == elevated
}

new_privileges_fit(refuses) if refuses == false

new_privileges_fit(_) if input.noNewPrivileges == true

# User, groups and umask.

user_fits(user) if {
	user.umask == input.umask
	id_fits(user.user_idname, input.user)
	every group in input.groups { group_fits(user.group_idnames, group) }
}

group_fits(rules, group) if {
	rule := rules[_]
	id_fits(rule, group)
}

id_fits(rule, _) if rule.strategy == "any"

id_fits(rule, who) if {
	rule.strategy == "id"
	rule.pattern == who.id
}

id_fits(rule, who) if {
	rule.strategy == "name"
	rule.pattern == who.name
}

id_fits(rule, who) if {
	rule.strategy == "re2"
	regex.match(anchored(rule.pattern), who.name)
}

# Capabilities.

capability_sets := ["bounding", "effective", "inheritable", "permitted", "ambient"]

capabilities_equal(some_sets, other_sets) if {
	every kind in capability_sets { same_members(some_sets[kind], other_sets[kind]) }
}

# What a container may have: its own sets, or those that the guest gives by default.
allowed_capabilities(container, _) := container.capabilities if is_object(container.capabilities)

allowed_capabilities(container, privileged) := {
	"bounding": data.defaultPrivilegedCapabilities,
	"effective": data.defaultPrivilegedCapabilities,
	"inheritable": data.defaultPrivilegedCapabilities,
	"permitted": data.defaultPrivilegedCapabilities,
	"ambient": [],
} if {
	container.capabilities == null
	starts_elevated(container, privileged)
}

allowed_capabilities(container, privileged) := {
	"bounding": data.defaultUnprivilegedCapabilities,
	"effective": data.defaultUnprivilegedCapabilities,
	"inheritable": [],
	"permitted": data.defaultUnprivilegedCapabilities,
	"ambient": [],
} if {
	container.capabilities == null
	not starts_elevated(container, privileged)
}

starts_elevated(container, privileged) if {
	privileged
	container.allow_elevated
}

# The switch is older than its meaning: policies of before 0.2.2 do not have it.
drops_capabilities if {
	data.policy.allow_capability_dropping
	at_least(policy_version, "0.2.2")
}

kept_capabilities(_, _) := input.capabilities if not drops_capabilities

kept_capabilities(containers, privileged) := kept if {
	drops_capabilities
	largest := largest_capabilities(containers, privileged)
	count(largest) == 1
	some kept in largest
}

largest_capabilities(containers, privileged) := largest if {
	sets := [common_capabilities(allowed_capabilities(container, privileged)) |
		container := containers[_]
	]
	most := max([capability_count(set) | set := sets[_]])
	largest := {set | set := sets[_]; capability_count(set) == most}
}

common_capabilities(allowed) := {
	"bounding": common_names(allowed.bounding, input.capabilities.bounding),
	"effective": common_names(allowed.effective, input.capabilities.effective),
	"inheritable": common_names(allowed.inheritable, input.capabilities.inheritable),
	"permitted": common_names(allowed.permitted, input.capabilities.permitted),
	"ambient": common_names(allowed.ambient, input.capabilities.ambient),
}

common_names(allowed, asked) := {name | name := allowed[_]; name in asked}

capability_count(sets) := sum([count(names) | names := sets[_]])

# Versions of fragments and lists: both numbers, or both semantic versions.

svn_fits(svn, minimum) if {
	semver.is_valid(svn)
	semver.is_valid(minimum)
	semver.compare(svn, minimum) >= 0
}

svn_fits(svn, minimum) if number_of(svn) >= number_of(minimum)

# Engines differ about texts that are not written as JSON numbers; the guest takes signs and leading zeros.
number_of(value) := to_number(value) if not is_string(value)

number_of(value) := to_number(plain_digits(value)) if {
	is_string(value)
	numeric_text(value)
	not startswith(value, "-")
}

number_of(value) := 0 - to_number(plain_digits(value)) if {
	is_string(value)
	numeric_text(value)
	startswith(value, "-")
}

numeric_text(text) if regex.match(`^[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$`, text)

plain_digits(text) := digits if {
	digits := trim_left(text, "+-0")
	regex.match("^[1-9]", digits)
}

plain_digits(text) := concat("", ["0", digits]) if {
	digits := trim_left(text, "+-0")
	regex.match("^([^1-9]|$)", digits)
}

svn_kinds_differ(svn, minimum) if {
	semver.is_valid(svn)
	number_of(minimum) == number_of(minimum)
}

svn_kinds_differ(svn, minimum) if {
	semver.is_valid(minimum)
	number_of(svn) == number_of(svn)
}
