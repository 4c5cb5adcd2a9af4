# Kata agent policy rules for guests of AKS 3.15 (runtime class kata-cc).
#
# A policy is this text, a newline and `policy_data := ` with what podseal generates from a pod. It loads as Rego v0
# and v1. These agents keep a state between requests, and hand over a new container with a map of its variables.
package agent_policy

import future.keywords.every
import future.keywords.if
import future.keywords.in

# Requests that are answered the same way whatever they hold.

default AddARPNeighborsRequest := false
default AddSwapPathRequest := false
default AddSwapRequest := false
default AllowRequestsFailingPolicy := false
default DestroySandboxRequest := true
default GetDiagnosticDataRequest := false
default GetIPTablesRequest := false
default GetMetricsRequest := false
default GetOOMEventRequest := true
default GuestDetailsRequest := true
default ListInterfacesRequest := false
default ListRoutesRequest := false
default MemAgentCompactConfig := false
default MemAgentMemcgConfig := false
default MemHotplugByProbeRequest := false
default OnlineCPUMemRequest := true
default PauseContainerRequest := false
default RemoveContainerRequest := true
default RemoveStaleVirtiofsShareMountsRequest := true
default ReseedRandomDevRequest := false
default ResizeVolumeRequest := false
default ResumeContainerRequest := false
default SetGuestDateTimeRequest := false
default SetIPTablesRequest := false
default SetPolicyRequest := false
default SignalProcessRequest := true
default StartContainerRequest := true
default StartTracingRequest := false
default StatsContainerRequest := true
default StopTracingRequest := false
default TtyWinResizeRequest := true
default UpdateContainerRequest := false
default VolumeStatsRequest := false
default WaitProcessRequest := true

# Requests that the settings switch on.

default CloseStdinRequest := false
default ReadStreamRequest := false
default UpdateEphemeralMountsRequest := false
default WriteStreamRequest := false

CloseStdinRequest if policy_data.request_defaults.CloseStdinRequest == true

ReadStreamRequest if policy_data.request_defaults.ReadStreamRequest == true

UpdateEphemeralMountsRequest if policy_data.request_defaults.UpdateEphemeralMountsRequest == true

WriteStreamRequest if policy_data.request_defaults.WriteStreamRequest == true

# Requests that are looked into. Each has a list of checks and is allowed if none of them fails; the names of those
# that fail are printed. A check that cannot be evaluated has failed.

default CopyFileRequest := false
default CreateContainerRequest := false
default CreateSandboxRequest := false
default ExecProcessRequest := false
default UpdateInterfaceRequest := false
default UpdateRoutesRequest := false

CreateSandboxRequest if {
	checks := ["guest hooks", "kernel modules", "process namespace", "storages"]
	failed := [check | some check in checks; not sandbox_passes(check)]
	none_failed("sandbox", failed)
}

CopyFileRequest if {
	failed := [check | some check in ["path", "link"]; not copy_passes(check)]
	none_failed("file", failed)
}

UpdateInterfaceRequest if {
	failed := [check | some check in ["flags", "name", "hardware address"]; not interface_passes(check)]
	none_failed("interface", failed)
}

UpdateRoutesRequest if {
	failed := [check | some check in ["source", "device"]; not routes_pass(check)]
	none_failed("route", failed)
}

ExecProcessRequest if {
	checks := ["container", "command", "terminal", "process", "user", "environment"]
	failed := [check | some check in checks; not exec_passes(check)]
	none_failed("process", failed)
}

CreateContainerRequest := {"allowed": true, "ops": ops} if {
	formless := [check | some check in ["form"]; not request]
	none_failed("container", formless)
	failed := [check | some check in request_checks; not request_passes(check)]
	none_failed("container", failed)
	fitting := [index |
		some index, container in policy_data.containers
		same_container(container)
		failed_here := [check | some check in container_checks; not container_passes(check, container)]
		none_failed("container of that name", failed_here)
	]
	none_failed("container", [check | count(fitting) > 1; check := "only one of the policy fits"])
	count(fitting) == 1
	ops := array.concat(sandbox_pins, pin(key_of(request.container_id), fitting[0]))
}

RemoveContainerRequest := {"allowed": true, "ops": [{"op": "remove", "path": state_path(key)}]} if {
	key := key_of(input.container_id)
	data.pstate[key]
}

none_failed(_, failed) if count(failed) == 0

none_failed(what, failed) if {
	count(failed) > 0
	print("the", what, "is refused, failed checks:", concat(", ", failed))
	false
}

# State. Ids of containers have a prefix, so that none of them is the name of another key, and only characters that the
# agent takes, so that they need no escapes in a path. Under an id is the index of its container in the policy.

state_path(key) := concat("/", ["", "pstate", key])

key_of(id) := concat("", ["container:", id]) if regex.match("^[a-zA-Z0-9._-]*$", id)

pin(key, value) := [] if data.pstate[key] == value

pin(key, value) := [{"op": "add", "path": state_path(key), "value": value}] if not data.pstate[key]

# Keys that the first container sets and that later ones must agree with.
sandbox_pins := array.concat(
	array.concat(pin("sandbox_name", sandbox_name), pin("namespace", namespace)),
	pin("network_namespace", network_namespace),
)

# Sandbox.

sandbox_passes("guest hooks") if input.guest_hook_path == ""

sandbox_passes("kernel modules") if count(input.kernel_modules) == 0

sandbox_passes("process namespace") if input.sandbox_pidns == false

sandbox_passes("storages") if {
	every storage in input.storages {
		storage in policy_data.sandbox.storages
	}
}

# Network.

interface_passes("flags") if {
	allowed := policy_data.request_defaults.UpdateInterfaceRequest.allow_raw_flags
	bits.and(input.interface.raw_flags, bits.negate(allowed)) == 0
}

interface_passes("name") if {
	name := input.interface.name
	not name in policy_data.request_defaults.UpdateInterfaceRequest.forbidden_names
}

interface_passes("hardware address") if {
	address := input.interface.hwAddr
	not address in policy_data.request_defaults.UpdateInterfaceRequest.forbidden_hw_addrs
}

routes_pass("source") if {
	every route in input.routes.Routes {
		every pattern in policy_data.request_defaults.UpdateRoutesRequest.forbidden_source_regex {
			regex.match(pattern, route.source) == false
		}
	}
}

routes_pass("device") if {
	every route in input.routes.Routes {
		device := route.device
		not device in policy_data.request_defaults.UpdateRoutesRequest.forbidden_device_names
	}
}

# Copied files.

copy_passes("path") if {
	not goes_up(input.path)
	some pattern in copy_patterns
	regex.match(pattern, input.path)
}

copy_passes("link") if input.symlink_src == ""

copy_passes("link") if regex.match(hidden_name(policy_data.common.s_source1), input.symlink_src)

copy_passes("link") if {
	not goes_up(input.symlink_src)
	regex.match(hidden_name(policy_data.common.s_source2), input.symlink_src)
}

# The two dots that such a pattern begins with are meant as dots.
hidden_name(pattern) := replace(pattern, "^..", "^\\.\\.")

copy_patterns := [pattern |
	some text in policy_data.request_defaults.CopyFileRequest
	pattern := replace(with_shared_paths(text), "$(bundle-id)", "[a-z0-9]{64}")
]

goes_up(path) if regex.match("(^|/)\\.\\.($|/)", path)

# Processes in running containers.

exec_container := policy_data.containers[data.pstate[key_of(input.container_id)]]

exec_passes("container") if exec_container

exec_passes("command") if input.process.Args in exec_container.exec_commands

exec_passes("command") if settings_command

exec_passes("terminal") if exec_container.OCI.Process.Terminal == input.process.Terminal

exec_passes("terminal") if settings_command

exec_passes("process") if {
	wanted := exec_container.OCI.Process
	given := input.process
	given.Cwd == wanted.Cwd
	given.NoNewPrivileges == wanted.NoNewPrivileges
	is_null(given.Capabilities)
}

exec_passes("user") if exec_container.OCI.Process.User.UID == input.process.User.UID

exec_passes("environment") if {
	variables_fit(exec_container.OCI.Process, input.process, data.pstate.sandbox_name, data.pstate.namespace)
}

# A command that the settings allow, with or without a terminal.
settings_command if input.process.Args in policy_data.request_defaults.ExecProcessRequest.allowed_commands

settings_command if {
	some pattern in policy_data.request_defaults.ExecProcessRequest.regex
	regex.match(pattern, concat(" ", input.process.Args))
}

# Containers: the request itself, or wrapped with the map that the agent makes of its variables.

request := input.base if is_wrapped

request := input if {
	every key, _ in input {
		key != "env_map"
	}
}

is_wrapped if is_object(input.env_map)

# Containers: what must hold whichever container it is.

request_checks := [
	"container name and type", "container id", "shared mounts", "string user", "hooks", "other systems", "id mappings",
	"labels", "resources", "rdt", "seccomp", "user name", "sandbox name", "namespace", "network namespace", "sandbox",
	"bundle id",
]

request_passes("container name and type") if {
	some container in policy_data.containers
	same_container(container)
}

request_passes("container id") if key_of(request.container_id)

request_passes("shared mounts") if count(request.shared_mounts) == 0

request_passes("string user") if is_null(request.string_user)

request_passes("hooks") if is_null(request.OCI.Hooks)

request_passes("other systems") if {
	is_null(request.OCI.Solaris)
	is_null(request.OCI.Windows)
}

request_passes("id mappings") if {
	count(request.OCI.Linux.GIDMappings) == 0
	count(request.OCI.Linux.UIDMappings) == 0
}

request_passes("labels") if {
	request.OCI.Linux.MountLabel == ""
	request.OCI.Linux.RootfsPropagation == ""
	request.OCI.Process.SelinuxLabel == ""
}

request_passes("resources") if {
	resources := request.OCI.Linux.Resources
	count(resources.Devices) == 0
	is_null(resources.BlockIO)
	is_null(resources.Network)
	is_null(resources.Pids)
}

request_passes("rdt") if is_null(request.OCI.Linux.IntelRdt)

request_passes("seccomp") if is_null(request.OCI.Linux.Seccomp)

request_passes("user name") if request.OCI.Process.User.Username == ""

request_passes("sandbox name") if sandbox_name

request_passes("namespace") if namespace

request_passes("network namespace") if network_namespace

request_passes("sandbox") if sandbox_pins

request_passes("bundle id") if bundle_id

# Containers: what must hold for the one container of the policy that has the name and type.

container_checks := [
	"version", "process namespace", "annotations", "identity", "root", "namespaces", "hidden paths", "sysctl",
	"arguments", "environment", "user", "capabilities", "process", "mounts", "storages", "devices", "id",
]

same_container(container) if {
	has_type(container, "sandbox")
	not container.OCI.Annotations["io.kubernetes.cri.container-name"]
	not request.OCI.Annotations["io.kubernetes.cri.container-name"]
}

same_container(container) if {
	has_type(container, "container")
	name := container.OCI.Annotations["io.kubernetes.cri.container-name"]
	name == request.OCI.Annotations["io.kubernetes.cri.container-name"]
}

has_type(container, type) if {
	container.OCI.Annotations["io.kubernetes.cri.container-type"] == type
	request.OCI.Annotations["io.kubernetes.cri.container-type"] == type
}

container_passes("version", container) if container.OCI.Version == request.OCI.Version

container_passes("process namespace", container) if container.sandbox_pidns == request.sandbox_pidns

container_passes("annotations", container) if {
	every key, _ in request.OCI.Annotations {
		annotation_fits(container, key)
	}
}

container_passes("identity", container) if {
	name_fits(container)
	container.OCI.Annotations["io.kubernetes.cri.sandbox-namespace"] in ["", namespace]
	regex.match(container.OCI.Annotations["io.kubernetes.cri.sandbox-id"], sandbox_id)
	type_fits(container)
}

container_passes("root", container) if {
	container.OCI.Root.Readonly == request.OCI.Root.Readonly
	root := replace(container.OCI.Root.Path, "$(cpath)", policy_data.common.cpath)
	request.OCI.Root.Path == replace(root, "$(bundle-id)", bundle_id)
}

container_passes("namespaces", container) if {
	given := [entry | some entry in request.OCI.Linux.Namespaces; entry.Type != "network"]
	container.OCI.Linux.Namespaces == given
}

container_passes("hidden paths", container) if {
	given := request.OCI.Linux
	every path in container.OCI.Linux.MaskedPaths {
		path in given.MaskedPaths
	}
	every path in container.OCI.Linux.ReadonlyPaths {
		path in array.concat(given.ReadonlyPaths, given.MaskedPaths)
	}
}

container_passes("sysctl", container) if {
	container.OCI.Linux.Sysctl
	every name, value in request.OCI.Linux.Sysctl {
		container.OCI.Linux.Sysctl[name] == value
	}
}

container_passes("arguments", container) if {
	is_wrapped
	wanted := container.OCI.Process.Args
	given := request.OCI.Process.Args
	count(wanted) == count(given)
	every index, argument in given {
		with_values(wanted[index]) == argument
	}
}

container_passes("arguments", container) if {
	not is_wrapped
	wanted := container.OCI.Process.DeprecatedArgs
	given := request.OCI.Process.Args
	count(wanted) == count(given)
	every index, argument in given {
		argument_fits(wanted[index], argument)
	}
}

container_passes("environment", container) if {
	variables_fit(container.OCI.Process, request.OCI.Process, sandbox_name, namespace)
	mapped_variables_fit(container)
}

container_passes("user", container) if container.OCI.Process.User.UID == request.OCI.Process.User.UID

container_passes("capabilities", container) if {
	wanted := container.OCI.Process.Capabilities
	given := request.OCI.Process.Capabilities
	every name in ["Ambient", "Bounding", "Effective", "Inheritable", "Permitted"] {
		capabilities_fit(wanted[name], given[name])
	}
}

container_passes("process", container) if {
	wanted := container.OCI.Process
	given := request.OCI.Process
	wanted.Cwd == given.Cwd
	wanted.NoNewPrivileges == given.NoNewPrivileges
	wanted.Terminal == given.Terminal
}

container_passes("mounts", container) if {
	every mount in request.OCI.Mounts {
		some wanted in container.OCI.Mounts
		wanted.destination == mount.destination
		mount_fits(container, wanted, mount)
	}
}

container_passes("storages", container) if storages_fit(container)

container_passes("devices", container) if {
	every device in request.devices {
		some wanted in container.devices
		wanted.container_path == device.container_path
	}
	every device in request.OCI.Linux.Devices {
		some wanted in container.OCI.Linux.Devices
		wanted.Path == device.Path
	}
}

# The id is new, or it is that of this very container.
container_passes("id", container) if {
	some index, other in policy_data.containers
	other == container
	pin(key_of(request.container_id), index)
}

# Names that the request brings along.

# Names as Kubernetes makes them. They end up in arguments and variables, so they must not be able to say more.

sandbox_name := name if {
	name := request.OCI.Annotations["io.kubernetes.cri.sandbox-name"]
	regex.match("^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", name)
}

namespace := name if {
	name := request.OCI.Annotations["io.kubernetes.cri.sandbox-namespace"]
	regex.match("^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", name)
}

sandbox_id := request.OCI.Annotations["io.kubernetes.cri.sandbox-id"]

network_namespace := path if {
	paths := [entry.Path | some entry in request.OCI.Linux.Namespaces; entry.Type == "network"]
	count(paths) <= 1
	path := concat("", paths)
}

bundle_id := id if {
	path := request.OCI.Annotations["io.katacontainers.pkg.oci.bundle_path"]
	id := replace(path, "/run/containerd/io.containerd.runtime.v2.task/k8s.io/", "")
	regex.match("^[a-z0-9]{64}$", id)
}

annotation_fits(_, key) if startswith(key, "io.kubernetes.cri.")

annotation_fits(container, key) if {
	some known, _ in container.OCI.Annotations
	known == key
}

name_fits(container) if not container.OCI.Annotations["io.kubernetes.cri.sandbox-name"]

name_fits(container) if regex.match(container.OCI.Annotations["io.kubernetes.cri.sandbox-name"], sandbox_name)

type_fits(container) if {
	has_type(container, "sandbox")
	wanted := container.OCI.Annotations
	given := request.OCI.Annotations
	given["io.katacontainers.pkg.oci.container_type"] == "pod_sandbox"
	regex.match(wanted["nerdctl/network-namespace"], given["nerdctl/network-namespace"])
	named := replace(wanted["io.kubernetes.cri.sandbox-log-directory"], "$(sandbox-name)", literal(sandbox_name))
	pattern := replace(named, "$(sandbox-namespace)", literal(namespace))
	regex.match(pattern, given["io.kubernetes.cri.sandbox-log-directory"])
}

type_fits(container) if {
	has_type(container, "container")
	request.OCI.Annotations["io.katacontainers.pkg.oci.container_type"] == "pod_container"
	every annotations in [container.OCI.Annotations, request.OCI.Annotations] {
		not annotations["nerdctl/network-namespace"]
		not annotations["io.kubernetes.cri.sandbox-log-directory"]
	}
}

# Capabilities, arguments and environment.

capabilities_fit(wanted, given) if wanted == given

capabilities_fit(wanted, given) if {
	wanted == ["$(default_caps)"]
	given == policy_data.common.default_caps
}

capabilities_fit(wanted, given) if {
	wanted == ["$(privileged_caps)"]
	given == policy_data.common.privileged_caps
}

# An argument with the values of the variables that it names. A name that no variable has stays as it is.
with_values(text) := replace(concat("", pieces), "$$", "$") if {
	parts := split(text, "$(")
	pieces := [piece | some index, part in parts; piece := with_value(index, part)]
}

with_value(0, part) := part

with_value(index, part) := concat("", [value, concat(")", array.slice(pieces, 1, count(pieces)))]) if {
	index > 0
	pieces := split(part, ")")
	count(pieces) > 1
	value := input.env_map[pieces[0]]
} else := concat("", ["$(", part]) if {
	index > 0
}

argument_fits(wanted, given) if replace(wanted, "$$", "$") == given

argument_fits(wanted, given) if replace(replace(wanted, "$$", "$"), "$(sandbox-name)", sandbox_name) == given

argument_fits(wanted, given) if {
	contains(wanted, "$(node-name)")
	regex.match(with_free_values(replace(wanted, "$(sandbox-name)", sandbox_name)), given)
}

mapped_variables_fit(_) if not is_wrapped

mapped_variables_fit(container) if {
	every name, value in input.env_map {
		mapped_variable_fits(container, name, value)
	}
}

mapped_variable_fits(container, name, value) if container.env_map[name] == value

mapped_variable_fits(container, name, value) if {
	container.env_map[name] == "$(validate-from-settings)"
	settings_value_fits(name, value)
}

mapped_variable_fits(container, name, value) if {
	container.env_map[name] == "$(node-name)"
	regex.match(policy_data.common.dns_subdomain, value)
}

mapped_variable_fits(container, name, value) if {
	container.env_map[name] == "$(host-name)"
	regex.match(concat("", ["^(", policy_data.common.dns_label, ")$"]), value)
}

mapped_variable_fits(container, name, value) if {
	container.env_map[name] == "$(pod-uid)"
	regex.match(policy_data.common.pod_uid, value)
}

mapped_variable_fits(container, name, value) if {
	container.env_map[name] in ["$(pod-ip)", "$(host-ip)"]
	regex.match(ipv4_address, value)
}

mapped_variable_fits(container, name, value) if {
	container.env_map[name] == "$(sandbox-name)"
	value == sandbox_name
}

mapped_variable_fits(container, name, value) if {
	container.env_map[name] == "$(sandbox-namespace)"
	value == namespace
}

mapped_variable_fits(_, name, value) if {
	some pattern in variable_patterns
	regex.match(pattern, concat("=", [name, value]))
}

settings_value_fits(name, value) if {
	regex.match(policy_data.request_defaults.CreateContainerRequest.allow_env_regex_map[name], value)
}

variables_fit(wanted, given, name, space) if {
	every variable in given.Env {
		variable_fits(wanted, variable, name, space)
	}
}

variable_fits(wanted, variable, pod, space) if {
	variable in wanted.Env
} else := true if {
	[key, value] := split(variable, "=")
	value == pod
	concat("=", [key, "$(sandbox-name)"]) in wanted.Env
} else := true if {
	some text in wanted.Env
	replace(text, "$(sandbox-namespace)", space) == variable
} else := true if {
	some pattern in variable_patterns
	regex.match(pattern, variable)
} else := true if {
	[key, value] := split(variable, "=")
	regex.match(ipv4_address, value)
	some address in ["$(pod-ip)", "$(host-ip)"]
	concat("=", [key, address]) in wanted.Env
} else := true if {
	[key, value] := split(variable, "=")
	some text in wanted.Env
	[wanted_key, wanted_value] := split(text, "=")
	wanted_key == key
	some free in ["$(host-name)", "$(node-name)", "$(pod-uid)"]
	contains(wanted_value, free)
	named := replace(replace(wanted_value, "$(sandbox-name)", pod), "$(sandbox-namespace)", space)
	regex.match(with_free_values(named), value)
} else := true if {
	[key, value] := split(variable, "=")
	concat("=", [key, "$(validate-from-settings)"]) in wanted.Env
	settings_value_fits(key, value)
}

variable_patterns := [pattern |
	some text in policy_data.request_defaults.CreateContainerRequest.allow_env_regex
	with_address := replace(text, "$(ipv4_a)", policy_data.common.ipv4_a)
	with_port := replace(with_address, "$(ip_p)", policy_data.common.ip_p)
	with_service := replace(with_port, "$(svc_name)", policy_data.common.svc_name)
	pattern := replace(with_service, "$(dns_label)", policy_data.common.dns_label)
]

# An IPv4 address in decimal that does not begin with 0.
ipv4_address := concat("", [
	"^([1-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])",
	"(\\.([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])){3}$",
])

# Pattern of a text that holds values known only in the guest or on the node: these are free, what stands around them
# is not.
with_free_values(text) := pattern if {
	a := literal(replace(text, "$$", "$"))
	b := replace(a, literal("$(host-name)"), ".*")
	c := replace(b, literal("$(node-name)"), ".*")
	d := replace(c, literal("$(pod-uid)"), ".*")
	e := replace(d, literal("$(pod-ip)"), ".*")
	f := replace(e, literal("$(host-ip)"), ".*")
	pattern := concat("", ["^(?s:", f, ")$"])
}

# Pattern that matches this text and no other.
literal(text) := concat("", [literal_character(character) | some character in split(text, ""); character != ""])

literal_character(character) := concat("", ["\\", character]) if {
	contains("\\.+*?()|[]{}^$", character)
} else := character

# Mounts.

mount_fits(container, wanted, given) if {
	wanted == given
} else := true if {
	same_place(wanted, given)
	source := with_shared_paths(wanted.source)
	some path in [with_bundle_id(source), with_sandbox_id(source)]
	path_fits(path, given.source)
} else := true if {
	# A volume that the guest attaches: what is mounted is the place of the storage that the policy has for this mount.
	same_place(wanted, given)
	some plain in container.storages
	plain.mount_point in [wanted.source, wanted.destination]
	storage := expected_storage(plain, {})
	some attached in request.storages
	attached.mount_point == given.source
	storage_fits(storage, attached)
}

same_place(wanted, given) if {
	wanted.destination == given.destination
	wanted.type_ == given.type_
	wanted.options == given.options
}

# A text that begins with `^` is a pattern, any other stands for itself, unless a placeholder is left in it.
path_fits(wanted, given) if {
	not startswith(wanted, "^")
	not contains(wanted, "$(")
	wanted == given
}

path_fits(wanted, given) if {
	startswith(wanted, "^")
	regex.match(wanted, given)
}

with_shared_paths(text) := replace(
	replace(text, "$(sfprefix)", policy_data.common.sfprefix),
	"$(cpath)", policy_data.common.mount_source_cpath,
)

with_bundle_id(text) := replace(
	replace(text, "$(cpath)", policy_data.common.cpath),
	"$(bundle-id)", literal(bundle_id),
)

with_sandbox_id(text) := replace(text, "$(sandbox-id)", literal(sandbox_id))

# Storages: those of the request and those of the policy must pair up without rest, so that no layer is given twice
# in place of another and the overlay is not left out.

storages_fit(container) if {
	layers := layers_of(container)
	wanted := [storage | some plain in container.storages; storage := expected_storage(plain, layers)]
	count(wanted) == count(container.storages)
	count(wanted) == count(request.storages)
	choices := [fitting |
		some storage in wanted
		fitting := {index | some index, given in request.storages; storage_fits(storage, given)}
	]
	pair_up(choices)
}

# Layers of the image, top layer first, as the one overlay of the container names them.
layers_of(container) := layers if {
	overlays := [storage | some storage in container.storages; storage.driver == "overlayfs"]
	count(overlays) == 1
	[ids_text, hashes_text] := overlays[0].options
	ids := split(ids_text, ":")
	hashes := split(hashes_text, ":")
	count(ids) == count(hashes)
	options := [option |
		some index, id in ids
		text := concat("", [
			id, ",tar,ro,io.katacontainers.fs-opt.block_device=file,io.katacontainers.fs-opt.is-layer,",
			"io.katacontainers.fs-opt.root-hash=", hashes[index],
		])
		option := concat("", ["io.katacontainers.fs-opt.layer=", base64.encode(text)])
	]
	prefix := concat("", [
		"io.katacontainers.fs-opt.layer-src-prefix=",
		"/var/lib/containerd/io.containerd.snapshotter.v1.tardev/layers",
	])
	last := ["io.katacontainers.fs-opt.overlay-rw", concat("", ["lowerdir=", ids_text])]
	layers := {
		"ids": ids,
		"hashes": hashes,
		"overlay": array.concat(array.concat([prefix], options), last),
	}
}

expected_storage(storage, layers) := {
	"driver": storage.driver,
	"driver_options": storage.driver_options,
	"fs_group": storage.fs_group,
	"fstype": storage.fstype,
	"source": expected_source(storage),
	"options": expected_options(storage, layers),
	"mount_point": expected_mount_point(storage, layers),
}

expected_source(storage) := "none" if {
	storage.driver == "overlayfs"
} else := storage.source

expected_options(storage, layers) := options if {
	is_layer(storage)
	some index, hash in layers.hashes
	storage.options == [concat("", ["$(hash", format_int(index, 10), ")"])]
	options := [
		"ro", "io.katacontainers.fs-opt.block_device=file", "io.katacontainers.fs-opt.is-layer",
		concat("", ["io.katacontainers.fs-opt.root-hash=", hash]),
	]
} else := layers.overlay if {
	storage.driver == "overlayfs"
} else := storage.options if {
	not is_layer(storage)
}

expected_mount_point(storage, layers) := path if {
	storage.fstype == "tar"
	some index, id in layers.ids
	storage.mount_point == concat("", ["$(layer", format_int(index, 10), ")"])
	path := concat("", ["/run/kata-containers/sandbox/layers/", id])
} else := replace(root, "$(bundle-id)", bundle_id) if {
	storage.fstype == "fuse3.kata-overlay"
	root := replace(storage.mount_point, "$(cpath)", policy_data.common.cpath)
} else := with_bundle_id(storage.mount_point) if {
	storage.fstype == "bind"
} else := with_sandbox_id(with_shared_paths(storage.mount_point)) if {
	storage.fstype == "local"
} else := storage.mount_point if {
	storage.fstype == "tmpfs"
} else := replace(storage.mount_point, "$(spath)", policy_data.common.spath) if {
	storage.driver in ["blk", "smb"]
	storage.fstype != "tar"
}

is_layer(storage) if {
	storage.driver == "blk"
	some option in storage.options
	startswith(option, "$(hash")
}

storage_fits(wanted, given) if {
	wanted.driver == given.driver
	wanted.driver_options == given.driver_options
	wanted.fs_group == given.fs_group
	wanted.fstype == given.fstype
	storage_source_fits(wanted, given.source)
	storage_path_fits(wanted, given)
	storage_options_fit(wanted, given.options)
}

storage_source_fits(wanted, source) if wanted.source == source

# A block device by its address, and a share of Azure Files.
storage_source_fits(wanted, source) if {
	wanted.driver == "blk"
	regex.match("^[a-f0-9]{4}:[a-f0-9]{2}:[a-f0-9]{2}\\.[a-f0-9]$", source)
}

storage_source_fits(wanted, source) if {
	wanted.driver == "smb"
	host := "^//[a-z0-9]{3,24}\\.file\\.core\\.windows\\.net/"
	regex.match(concat("", [host, "[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"]), source)
}

storage_path_fits(wanted, given) if path_fits(wanted.mount_point, given.mount_point)

# A volume on a device or share is mounted where its encoded source says.
storage_path_fits(wanted, given) if {
	contains(wanted.mount_point, "$(b64-direct-vol-path)")
	path := replace(wanted.mount_point, "$(b64-direct-vol-path)", base64url.encode(given.source))
	path == given.mount_point
}

# A volume of an image may have its path below a directory of the agent.
storage_path_fits(wanted, given) if {
	wanted.fstype == "bind"
	startswith(wanted.mount_point, "/")
	startswith(given.mount_point, "/run/kata-containers/")
	endswith(given.mount_point, wanted.mount_point)
	not goes_up(given.mount_point)
}

storage_options_fit(wanted, options) if wanted.options == options

# A share gets its address and its credentials on the node.
storage_options_fit(wanted, options) if {
	wanted.driver == "smb"
	address := options[count(wanted.options)]
	startswith(address, "addr=")
	credentials := options[count(wanted.options) + 1]
	[user, password] := split(credentials, ",")
	startswith(user, "username=")
	startswith(password, "password=")
	options == array.concat(wanted.options, [address, credentials])
}

# Each set of `choices` can be given one element of its own. The sets must be equal, nested or disjoint, as they are
# when storages differ in their names; then it is enough that no set holds more sets than it has elements.

pair_up(choices) if {
	each_has_its_own(choices)
} else := true if {
	every choice in choices {
		within := [other | some other in choices; count(other - choice) == 0]
		count(within) <= count(choice)
		every other in choices {
			nested_or_disjoint(choice, other)
		}
	}
}

each_has_its_own(choices) if {
	every choice in choices {
		count(choice) == 1
	}
	count({index | some choice in choices; some index in choice}) == count(choices)
}

nested_or_disjoint(one, other) if count(one & other) == 0

nested_or_disjoint(one, other) if count(one - other) == 0

nested_or_disjoint(one, other) if count(other - one) == 0
