# Containers: created, run commands in, signalled and shut down. Each question that is answered with yes leaves those
# candidates that it was answered for.
package framework

import rego.v1

is_windows if data.metadata.operatingsystem.ostype == "windows"

container_started if data.metadata.started[input.containerID]

# Creation.

creatable := [container |
	container := data.metadata.matches[input.containerID][_]
	creation_fits(container)
]

creation_fits(container) if {
	not is_windows
	basics_fit(container)
	container.seccomp_profile_sha256 == input.seccompProfileSHA256
	no_devices
}

creation_fits(container) if {
	is_windows
	basics_fit(container)
}

basics_fit(container) if {
	not is_windows
	container.working_dir == input.workingDir
	container.command == input.argList
	new_privileges_fit(container.no_new_privileges)
	privilege_fits(container.allow_elevated)
	user_fits(container.user)
	mounts_fit(container.mounts, container.allow_elevated)
}

basics_fit(container) if {
	is_windows
	container.working_dir == input.workingDir
	container.command == input.argList
	container.user == input.user
}

no_devices if not features.refuses_devices

no_devices if input.devices == []

# A missing answer to whether it is privileged counts as no.
default asks_privileged := false

asks_privileged := input.privileged

created_variables := with_variables(creatable)

created_environment := kept_variables(created_variables)

created_with_environment := items_with(created_variables, created_environment)

created_capabilities := kept_capabilities(created_with_environment, asks_privileged)

created_with_capabilities := [container |
	kept := created_capabilities
	container := created_with_environment[_]
	capabilities_equal(allowed_capabilities(container, asks_privileged), kept)
]

created := created_with_capabilities if not is_windows

created := created_with_environment if is_windows

same_stdio(items) if {
	every item in items { item.allow_stdio_access == items[0].allow_stdio_access }
}

default create_container := {"allowed": false}

create_container := {
	"metadata": [
		updated("matches", input.containerID, created),
		added("started", input.containerID, {"privileged": asks_privileged}),
	],
	"env_list": created_environment,
	"caps_list": created_capabilities,
	"allow_stdio_access": created[0].allow_stdio_access,
	"allowed": true,
} if {
	not is_windows
	not container_started
	count(created) > 0
	same_stdio(created)
}

create_container := {
	"metadata": [
		updated("matches", input.containerID, created),
		added("started", input.containerID, {"privileged": false}),
	],
	"env_list": created_environment,
	"allow_stdio_access": created[0].allow_stdio_access,
	"allowed": true,
} if {
	is_windows
	not container_started
	count(created) > 0
	same_stdio(created)
}

# Commands in a container. A container counts once for each of its entries with the command.

executable := [container |
	container := data.metadata.matches[input.containerID][_]
	exec_basics_fit(container)
	entry := container.exec_processes[_]
	entry.command == input.argList
]

exec_basics_fit(container) if {
	not is_windows
	container.working_dir == input.workingDir
	new_privileges_fit(container.no_new_privileges)
	user_fits(container.user)
}

exec_basics_fit(container) if {
	is_windows
	container.working_dir == input.workingDir
	container.user == input.user
}

executed_variables := with_variables(executable)

executed_environment := kept_variables(executed_variables)

executed_with_environment := items_with(executed_variables, executed_environment)

was_privileged := data.metadata.started[input.containerID].privileged

executed_capabilities := kept_capabilities(executed_with_environment, was_privileged)

executed_with_capabilities := [container |
	kept := executed_capabilities
	container := executed_with_environment[_]
	capabilities_equal(allowed_capabilities(container, was_privileged), kept)
]

default exec_in_container := {"allowed": false}

exec_in_container := {
	"metadata": [updated("matches", input.containerID, executed_with_capabilities)],
	"env_list": executed_environment,
	"caps_list": executed_capabilities,
	"allowed": true,
} if {
	not is_windows
	container_started
	count(executed_with_capabilities) > 0
}

exec_in_container := {
	"metadata": [updated("matches", input.containerID, executed_with_environment)],
	"env_list": executed_environment,
	"allowed": true,
} if {
	is_windows
	container_started
	count(executed_with_environment) > 0
}

# Processes outside of containers.

external := [process |
	process := candidate_external_processes[_]
	process.working_dir == input.workingDir
	process.command == input.argList
]

external_variables := with_variables(external)

external_environment := kept_variables(external_variables)

external_with_environment := items_with(external_variables, external_environment)

default exec_external := {"allowed": false}

exec_external := {
	"allowed": true,
	"allow_stdio_access": external_with_environment[0].allow_stdio_access,
	"env_list": external_environment,
} if {
	count(external_with_environment) > 0
	same_stdio(external_with_environment)
}

# End of a container.

default shutdown_container := {"allowed": false}

shutdown_container := {"metadata": [removed("matches", input.containerID)], "allowed": true} if container_started

signalled := [container |
	container := data.metadata.matches[input.containerID][_]
	signal_fits(container)
]

signal_fits(container) if {
	input.isInitProcess
	signal := container.signals[_]
	signal == input.signal
}

signal_fits(container) if {
	not input.isInitProcess
	entry := container.exec_processes[_]
	entry.command == input.argList
	signal := entry.signals[_]
	signal == input.signal
}

default signal_container_process := {"allowed": false}

signal_container_process := {
	"metadata": [updated("matches", input.containerID, signalled)],
	"allowed": true,
} if {
	container_started
	count(signalled) > 0
}

# Switches.

default get_properties := {"allowed": false}

get_properties := {"allowed": true} if data.policy.allow_properties_access

default dump_stacks := {"allowed": false}

dump_stacks := {"allowed": true} if data.policy.allow_dump_stacks

default runtime_logging := {"allowed": false}

runtime_logging := {"allowed": true} if data.policy.allow_runtime_logging

default host_network := {"allowed": false}

host_network := {"allowed": true} if data.policy.allow_host_network

# Windows: changes of the registry are allowed whatever they are once the container lists any, and so does the guest.

default registry_changes := {"allowed": false}

registry_changes := {"allowed": true} if {
	container := data.metadata.matches[input.containerID][_]
	is_array(container.registry_changes.add_values)
	is_array(input.registryChanges.AddValues)
}

listed_providers := {lower(name) | name := data.policy.allowed_log_providers[_]}

default log_provider := {"allowed": false}

log_provider := {"allowed": true, "providers_to_keep": input.providers} if {
	not data.policy.allow_log_provider_dropping
	every name in input.providers { lower(name) in listed_providers }
}

log_provider := {"allowed": true, "providers_to_keep": kept} if {
	data.policy.allow_log_provider_dropping
	kept := [name | name := input.providers[_]; lower(name) in listed_providers]
}
