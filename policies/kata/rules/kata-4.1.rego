# Kata agent policy rules for guests of kata-containers 4.1.
#
# A policy is this text, a newline and `policy_data := ` with what podseal generates from a pod. It loads as Rego v0
# and v1. What must be remembered between requests is kept in data.pstate: names and namespaces of the sandbox, and for
# each container id, under `container:<id>`, the index of its container in the policy.
package agent_policy

import future.keywords.every
import future.keywords.if
import future.keywords.in

# Requests that are answered the same way whatever they hold.

default AddSwapPathRequest := false
default AddSwapRequest := false
default AllowRequestsFailingPolicy := false
default DestroySandboxRequest := true
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
default GetDiagnosticDataRequest := false
default ReadStreamRequest := false
default UpdateEphemeralMountsRequest := false
default WriteStreamRequest := false

CloseStdinRequest if policy_data.request_defaults.CloseStdinRequest == true

GetDiagnosticDataRequest if policy_data.request_defaults.GetDiagnosticDataRequest == true

ReadStreamRequest if policy_data.request_defaults.ReadStreamRequest == true

UpdateEphemeralMountsRequest if policy_data.request_defaults.UpdateEphemeralMountsRequest == true

WriteStreamRequest if policy_data.request_defaults.WriteStreamRequest == true

# Requests that are looked into. Each has a list of checks and is allowed if none of them fails; the names of those
# that fail are printed. A check that cannot be evaluated has failed.

default AddARPNeighborsRequest := false
default CopyFileRequest := false
default CreateContainerRequest := false
default CreateSandboxRequest := false
default ExecProcessRequest := false
default RemoveContainerRequest := false
default UpdateInterfaceRequest := false
default UpdateRoutesRequest := false

AddARPNeighborsRequest if {
	failed := [check | some check in ["device", "address", "state", "flags"]; not neighbours_pass(check)]
	none_failed("neighbour", failed)
}

CopyFileRequest if {
	failed := [check | some check in ["path", "type"]; not copy_passes(check)]
	none_failed("file", failed)
}

CreateSandboxRequest if {
	checks := ["guest hooks", "kernel modules", "process namespace", "storages"]
	failed := [check | some check in checks; not sandbox_passes(check)]
	none_failed("sandbox", failed)
}

ExecProcessRequest if {
	failed := [check | some check in ["container", "string user", "labels", "command", "process"]; not exec_passes(check)]
	none_failed("process", failed)
}

UpdateInterfaceRequest if {
	failed := [check | some check in ["flags", "name", "hardware address"]; not interface_passes(check)]
	none_failed("interface", failed)
}

UpdateRoutesRequest if {
	failed := [check | some check in ["source", "device"]; not routes_pass(check)]
	none_failed("route", failed)
}

CreateContainerRequest := {"allowed": true, "ops": ops} if {
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
	ops := array.concat(sandbox_pins, pin(container_key, fitting[0]))
}

# A container that is not known has nothing to remove, and the agent then refuses the request.
RemoveContainerRequest := {"allowed": true, "ops": [{"op": "remove", "path": state_path(container_key)}]}

none_failed(_, failed) if count(failed) == 0

none_failed(what, failed) if {
	count(failed) > 0
	print("the", what, "is refused, failed checks:", concat(", ", failed))
	false
}

# State. Ids of containers have a prefix, so that none of them is the name of another key, and only characters that the
# agent takes, so that they need no escapes in a path.

state_path(key) := concat("/", ["", "pstate", key])

container_key := concat("", ["container:", input.container_id]) if {
	regex.match("^[a-zA-Z0-9._-]*$", input.container_id)
}

pin(key, value) := [] if data.pstate[key] == value

pin(key, value) := [{"op": "add", "path": state_path(key), "value": value}] if not data.pstate[key]

# Keys that the first container sets and that later ones must agree with.
sandbox_pins := array.concat(
	array.concat(pin("sandbox_name", sandbox_name), pin("namespace", namespace)),
	pin("network_namespace", network_namespace),
)

# Network.

neighbours_pass("device") if {
	every neighbour in input.neighbors.ARPNeighbors {
		not neighbour.device in policy_data.request_defaults.AddARPNeighborsRequest.forbidden_device_names
	}
}

neighbours_pass("address") if {
	every neighbour in input.neighbors.ARPNeighbors {
		neighbour.toIPAddress.mask == ""
		every pattern in policy_data.request_defaults.AddARPNeighborsRequest.forbidden_cidrs_regex {
			not regex.match(pattern, neighbour.toIPAddress.address)
		}
	}
}

neighbours_pass("state") if {
	every neighbour in input.neighbors.ARPNeighbors {
		neighbour.state in policy_data.request_defaults.AddARPNeighborsRequest.allowed_states
	}
}

# Only the bits for proxies (8) and routers (128).
neighbours_pass("flags") if {
	every neighbour in input.neighbors.ARPNeighbors {
		bits.or(neighbour.flags, 136) == 136
	}
}

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
			not regex.match(pattern, route.source)
		}
	}
}

routes_pass("device") if {
	every route in input.routes.Routes {
		not route.device in policy_data.request_defaults.UpdateRoutesRequest.forbidden_device_names
	}
}

# Sandbox.

sandbox_passes("guest hooks") if input.guest_hook_path == ""

sandbox_passes("kernel modules") if count(input.kernel_modules) == 0

sandbox_passes("process namespace") if input.sandbox_pidns == false

sandbox_passes("storages") if {
	every storage in input.storages {
		storage in policy_data.sandbox.storages
	}
}

# Copied files.

copy_passes("path") if {
	not goes_up(input.path)
	some pattern in copy_patterns
	regex.match(pattern, input.path)
}

copy_passes("type") if input.file_type in ["Regular", "Directory"]

# Links only below the top level, where the files of Kubernetes' volumes are, and only to what is beside or below them.
copy_passes("type") if {
	input.file_type == "Symlink"
	some pattern in copy_patterns
	regex.match(concat("", [pattern, ".*/.+"]), input.path)
	not goes_up(input.symlink_target)
	not startswith(input.symlink_target, "/")
}

copy_patterns := [pattern |
	some text in policy_data.request_defaults.CopyFileRequest
	pattern := replace(with_shared_paths(text), "$(bundle-id)", "[a-z0-9]{64}")
]

goes_up(path) if regex.match("(^|/)\\.\\.($|/)", path)

# Processes in running containers.

exec_container := policy_data.containers[data.pstate[container_key]]

exec_passes("container") if exec_container

exec_passes("string user") if is_null(input.string_user)

exec_passes("labels") if {
	input.process.SelinuxLabel == ""
	input.process.ApparmorProfile == ""
}

exec_passes("command") if input.process.Args in exec_container.exec_commands

exec_passes("command") if settings_command

exec_passes("process") if {
	input.process.Args in exec_container.exec_commands
	exec_container.OCI.Process.Terminal == input.process.Terminal
	exec_process_fits
}

exec_passes("process") if {
	settings_command
	exec_process_fits
}

settings_command if input.process.Args in policy_data.request_defaults.ExecProcessRequest.allowed_commands

settings_command if {
	some pattern in policy_data.request_defaults.ExecProcessRequest.regex
	regex.match(pattern, concat(" ", input.process.Args))
}

exec_process_fits if {
	wanted := exec_container.OCI.Process
	given := input.process
	given.Cwd == wanted.Cwd
	given.NoNewPrivileges == wanted.NoNewPrivileges
	user_fits(wanted.User, given.User)
	is_null(given.Capabilities)
	exec_container.OCI.Annotations["io.kubernetes.cri.sandbox-name"]
	variables_fit(wanted, given, data.pstate.sandbox_name, data.pstate.namespace)
}

# Containers: what must hold whichever container it is.

request_checks := [
	"container name and type", "container id", "shared mounts", "string user", "hooks", "other systems", "id mappings",
	"labels", "resources", "rdt", "seccomp", "user name", "sandbox name", "namespace", "network namespace", "sandbox",
]

request_passes("container name and type") if {
	some container in policy_data.containers
	same_container(container)
}

request_passes("container id") if container_key

request_passes("shared mounts") if count(input.shared_mounts) == 0

request_passes("string user") if is_null(input.string_user)

request_passes("hooks") if is_null(input.OCI.Hooks)

request_passes("other systems") if {
	is_null(input.OCI.Solaris)
	is_null(input.OCI.Windows)
}

request_passes("id mappings") if {
	count(input.OCI.Linux.GIDMappings) == 0
	count(input.OCI.Linux.UIDMappings) == 0
}

request_passes("labels") if {
	input.OCI.Linux.MountLabel == ""
	input.OCI.Linux.RootfsPropagation == ""
	input.OCI.Process.SelinuxLabel == ""
}

request_passes("resources") if {
	resources := input.OCI.Linux.Resources
	count(resources.Devices) == 0
	is_null(resources.BlockIO)
	is_null(resources.Network)
	is_null(resources.Pids)
}

request_passes("rdt") if is_null(input.OCI.Linux.IntelRdt)

request_passes("seccomp") if is_null(input.OCI.Linux.Seccomp)

request_passes("user name") if input.OCI.Process.User.Username == ""

request_passes("sandbox name") if sandbox_name

request_passes("namespace") if namespace

request_passes("network namespace") if network_namespace

request_passes("sandbox") if sandbox_pins

# Containers: what must hold for the one container of the policy that has the name and type.

container_checks := [
	"version", "process namespace", "annotations", "identity", "root", "namespaces", "hidden paths", "sysctl",
	"arguments", "environment", "user", "capabilities", "process", "mounts", "storages", "devices", "id",
]

same_container(container) if {
	has_type(container, "sandbox")
	not container.OCI.Annotations["io.kubernetes.cri.container-name"]
	not input.OCI.Annotations["io.kubernetes.cri.container-name"]
}

same_container(container) if {
	has_type(container, "container")
	name := container.OCI.Annotations["io.kubernetes.cri.container-name"]
	name == input.OCI.Annotations["io.kubernetes.cri.container-name"]
}

has_type(container, type) if {
	container.OCI.Annotations["io.kubernetes.cri.container-type"] == type
	input.OCI.Annotations["io.kubernetes.cri.container-type"] == type
}

container_passes("version", container) if container.OCI.Version == input.OCI.Version

container_passes("process namespace", container) if container.sandbox_pidns == input.sandbox_pidns

container_passes("annotations", container) if {
	every key, value in input.OCI.Annotations {
		annotation_fits(container, key, value)
	}
}

container_passes("identity", container) if {
	name_fits(container)
	container.OCI.Annotations["io.kubernetes.cri.sandbox-namespace"] in ["", namespace]
	regex.match(container.OCI.Annotations["io.kubernetes.cri.sandbox-id"], sandbox_id)
	type_fits(container)
}

container_passes("root", container) if {
	container.OCI.Root.Readonly == input.OCI.Root.Readonly
	bundle_id(container)
}

container_passes("namespaces", container) if namespaces_of(container.OCI.Linux) == namespaces_of(input.OCI.Linux)

container_passes("hidden paths", container) if {
	given := input.OCI.Linux
	every path in container.OCI.Linux.MaskedPaths {
		path in given.MaskedPaths
	}
	every path in container.OCI.Linux.ReadonlyPaths {
		path in array.concat(given.ReadonlyPaths, given.MaskedPaths)
	}
}

container_passes("sysctl", container) if {
	container.OCI.Linux.Sysctl
	every name, value in input.OCI.Linux.Sysctl {
		container.OCI.Linux.Sysctl[name] == value
	}
}

container_passes("arguments", container) if {
	wanted := container.OCI.Process.Args
	given := input.OCI.Process.Args
	count(wanted) == count(given)
	every index, argument in given {
		argument_fits(wanted[index], argument)
	}
}

container_passes("environment", container) if {
	variables_fit(container.OCI.Process, input.OCI.Process, sandbox_name, namespace)
}

container_passes("user", container) if user_fits(container.OCI.Process.User, input.OCI.Process.User)

container_passes("capabilities", container) if {
	every name in ["Ambient", "Bounding", "Effective", "Inheritable", "Permitted"] {
		capabilities_fit(container.OCI.Process.Capabilities[name], given_capabilities(name))
	}
}

container_passes("process", container) if {
	wanted := container.OCI.Process
	given := input.OCI.Process
	wanted.Cwd == given.Cwd
	wanted.NoNewPrivileges == given.NoNewPrivileges
	wanted.Terminal == given.Terminal
}

# Each mount fits one mount of the policy, and no two of them the same.
container_passes("mounts", container) if {
	choices := [fitting |
		some mount in input.OCI.Mounts
		fitting := {index |
			some index, wanted in container.OCI.Mounts
			wanted.destination == mount.destination
			mount_fits(container, wanted, mount)
		}
	]
	each_has_its_own(choices)
}

container_passes("storages", container) if storages_fit(container)

container_passes("devices", container) if {
	every device in input.OCI.Linux.Devices {
		some wanted in container.OCI.Linux.Devices
		wanted.Path == device.Path
	}
	volume_devices_fit(container)
	passed_devices_fit(container)
}

# The id is new, or it is that of this very container.
container_passes("id", container) if {
	some index, other in policy_data.containers
	other == container
	pin(container_key, index)
}

# Names that the request brings along.

# Names as Kubernetes makes them. They end up in arguments and variables, so they must not be able to say more.

sandbox_name := name if {
	name := input.OCI.Annotations["io.kubernetes.cri.sandbox-name"]
	regex.match("^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", name)
}

namespace := name if {
	name := input.OCI.Annotations["io.kubernetes.cri.sandbox-namespace"]
	regex.match("^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", name)
}

sandbox_id := input.OCI.Annotations["io.kubernetes.cri.sandbox-id"]

network_namespace := path if {
	paths := [entry.Path | some entry in input.OCI.Linux.Namespaces; entry.Type == "network"]
	count(paths) <= 1
	path := concat("", paths)
}

# What stands for the bundle id in the path of the root file system.
bundle_id(container) := id if {
	path := replace(container.OCI.Root.Path, "$(root_path)", policy_data.common.root_path)
	pattern := replace(path, "$(bundle-id)", "([0-9a-f]{64}|[a-z0-9][a-z0-9.-]*)")
	anchored := concat("", ["^(?:", pattern, ")$"])
	id := regex.find_all_string_submatch_n(anchored, input.OCI.Root.Path, 1)[0][1]
}

annotation_fits(_, key, _) if startswith(key, "io.kubernetes.cri.")

annotation_fits(container, key, _) if {
	some known, _ in container.OCI.Annotations
	known == key
}

annotation_fits(container, key, value) if {
	some key_pattern, value_pattern in container.runtime_anno_patterns
	regex.match(key_pattern, key)
	regex.match(value_pattern, value)
}

name_fits(container) if not container.OCI.Annotations["io.kubernetes.cri.sandbox-name"]

name_fits(container) if regex.match(container.OCI.Annotations["io.kubernetes.cri.sandbox-name"], sandbox_name)

type_fits(container) if {
	has_type(container, "sandbox")
	wanted := container.OCI.Annotations
	given := input.OCI.Annotations
	given["io.katacontainers.pkg.oci.container_type"] == "pod_sandbox"
	regex.match(wanted["nerdctl/network-namespace"], given["nerdctl/network-namespace"])
	named := replace(wanted["io.kubernetes.cri.sandbox-log-directory"], "$(sandbox-name)", literal(sandbox_name))
	pattern := replace(named, "$(sandbox-namespace)", literal(namespace))
	regex.match(pattern, given["io.kubernetes.cri.sandbox-log-directory"])
}

type_fits(container) if {
	has_type(container, "container")
	input.OCI.Annotations["io.katacontainers.pkg.oci.container_type"] == "pod_container"
	every annotations in [container.OCI.Annotations, input.OCI.Annotations] {
		not annotations["nerdctl/network-namespace"]
		not annotations["io.kubernetes.cri.sandbox-log-directory"]
	}
}

# Kinds and paths of namespaces in order; that of the network is pinned, that of cgroups does not matter.
namespaces_of(linux) := [[type, entry.Path] |
	some entry in linux.Namespaces
	not entry.Type in ["network", "cgroup"]
	type := namespace_type(entry.Type)
]

namespace_type(type) := "mnt" if {
	lower(type) == "mount"
} else := type

# Users, capabilities, arguments and environment.

user_fits(wanted, given) if {
	wanted.UID == given.UID
	wanted.GID == given.GID
	{gid | some gid in wanted.AdditionalGids} == {gid | some gid in given.AdditionalGids}
}

given_capabilities(name) := input.OCI.Process.Capabilities[name] if {
	not is_null(input.OCI.Process.Capabilities)
} else := []

capabilities_fit(wanted, given) if capability_set(wanted) == capability_set(given)

capabilities_fit(wanted, given) if {
	wanted == ["$(default_caps)"]
	capability_set(given) == capability_set(policy_data.common.default_caps)
}

capabilities_fit(wanted, given) if {
	wanted == ["$(privileged_caps)"]
	capability_set(given) == capability_set(policy_data.common.privileged_caps)
}

capability_set(list) := {trim_prefix(name, "CAP_") | some name in list}

argument_fits(wanted, given) if replace(wanted, "$$", "$") == given

argument_fits(wanted, given) if replace(replace(wanted, "$$", "$"), "$(sandbox-name)", sandbox_name) == given

argument_fits(wanted, given) if {
	contains(wanted, "$(node-name)")
	regex.match(with_free_values(wanted), given)
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
	some free in ["$(host-name)", "$(node-name)", "$(pod-uid)", "$(resource-field)", "$(todo-annotation)"]
	contains(wanted_value, free)
	regex.match(with_free_values(wanted_value), value)
}

variable_patterns := [pattern |
	some text in policy_data.request_defaults.CreateContainerRequest.allow_env_regex
	with_address := replace(text, "$(ipv4_a)", policy_data.common.ipv4_a)
	with_port := replace(with_address, "$(ip_p)", policy_data.common.ip_p)
	with_service := replace(with_port, "$(svc_name_downward_env)", policy_data.common.svc_name_downward_env)
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
	e := replace(d, literal("$(resource-field)"), ".*")
	f := replace(e, literal("$(todo-annotation)"), ".*")
	g := replace(f, literal("$(pod-ip)"), ".*")
	h := replace(g, literal("$(host-ip)"), ".*")
	i := replace(h, literal("$(sandbox-name)"), ".*")
	j := replace(i, literal("$(sandbox-namespace)"), ".*")
	pattern := concat("", ["^(?s:", j, ")$"])
}

# Pattern that matches this text and no other.
literal(text) := concat("", [literal_character(character) | some character in split(text, ""); character != ""])

literal_character(character) := concat("", ["\\", character]) if {
	contains("\\.+*?()|[]{}^$", character)
} else := character

# Mounts.

mount_fits(container, wanted, given) if {
	wanted.source != ""
	wanted == given
} else := true if {
	wanted.source != ""
	same_place(wanted, given)
	wanted.options == given.options
	source := with_shared_paths(wanted.source)
	some path in [with_bundle_id(container, source), with_sandbox_id(source)]
	path_fits(path, given.source)
} else := true if {
	# The runtime may make /sys read-only.
	wanted.source != ""
	wanted.type_ == "sysfs"
	same_place(wanted, given)
	wanted.source == given.source
	{option | some option in given.options} | {"rw"} == {option | some option in wanted.options} | {"ro"}
} else := true if {
	# The runtime may add options to the mount of cgroups.
	wanted.source != ""
	wanted.type_ == "cgroup"
	same_place(wanted, given)
	wanted.source == given.source
	every option in wanted.options {
		option in given.options
	}
	every option in given.options {
		option in array.concat(wanted.options, policy_data.cluster_config.cgroup_mount_extras_allowed)
	}
} else := true if {
	# A block device that the guest formats: it is mounted from where a storage of the request puts it.
	wanted.source == ""
	same_place(wanted, given)
	wanted.options == given.options
	some storage in input.storages
	storage.driver in ["blk", "scsi"]
	storage.mount_point == given.source
}

same_place(wanted, given) if {
	wanted.destination == given.destination
	wanted.type_ == given.type_
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
	"$(cpath)", policy_data.common.cpath,
)

with_bundle_id(container, text) := replace(
	replace(text, "$(cpath)", policy_data.common.cpath),
	"$(bundle-id)", literal(bundle_id(container)),
)

with_sandbox_id(text) := replace(
	replace(text, "$(cpath)", policy_data.common.cpath),
	"$(sandbox-id)", literal(sandbox_id),
)

# Storages: but for the image that the guest pulls, those of the request and those of the policy must pair up without
# rest, so that none is given twice in place of another.

storages_fit(container) if {
	images := [storage | some storage in input.storages; storage.driver == "image_guest_pull"]
	count(images) <= 1
	every image in images {
		image_fits(container, image)
	}
	others := [storage | some storage in input.storages; storage.driver != "image_guest_pull"]
	count(others) == count(container.storages)
	choices := [fitting |
		some wanted in container.storages
		fitting := {index | some index, given in others; storage_fits(container, wanted, given)}
	]
	pair_up(choices)
}

image_fits(container, image) if {
	image.fstype == "overlay"
	is_null(image.fs_group)
	image.shared == false
	count(image.options) == 0
	image.mount_point == replace(policy_data.common.root_path, "$(bundle-id)", bundle_id(container))
	image_is_wanted(container, image.source)
}

# An image that the policy names by digest is pulled by that digest.
image_is_wanted(container, _) if not container.OCI.Annotations["io.kubernetes.cri.image-name"]

image_is_wanted(container, _) if {
	wanted := container.OCI.Annotations["io.kubernetes.cri.image-name"]
	not contains(wanted, "@")
}

image_is_wanted(container, source) if {
	[_, wanted] := split(container.OCI.Annotations["io.kubernetes.cri.image-name"], "@")
	[_, given] := split(source, "@")
	wanted == given
}

storage_fits(container, wanted, given) if {
	wanted.driver_options == given.driver_options
	wanted.fs_group == given.fs_group
	wanted.fstype == given.fstype
	wanted.shared == given.shared
	wanted.options == given.options
	not wanted.driver in ["blk", "overlayfs"]
	storage_source_fits(container, wanted, given)
	storage_path_fits(container, wanted, given)
}

storage_source_fits(container, wanted, given) if {
	wanted.driver == given.driver
	path_fits(with_bundle_id(container, with_shared_paths(wanted.source)), given.source)
}

storage_source_fits(_, _, given) if {
	given.driver == "scsi"
	regex.match("^[0-9]+:[0-9]+$", given.source)
}

storage_source_fits(_, _, given) if {
	given.driver == "blk"
	regex.match("^[0-9a-f]{2}(/[0-9a-f]{2})?$", given.source)
}

storage_path_fits(_, wanted, given) if {
	wanted.fstype == "local"
	path_fits(with_sandbox_id(wanted.mount_point), given.mount_point)
}

storage_path_fits(container, wanted, given) if {
	wanted.fstype == "bind"
	path_fits(with_bundle_id(container, wanted.mount_point), given.mount_point)
}

storage_path_fits(_, wanted, given) if {
	wanted.fstype == "tmpfs"
	path_fits(wanted.mount_point, given.mount_point)
}

storage_path_fits(_, wanted, given) if {
	given.driver in ["blk", "scsi"]
	below := replace(wanted.mount_point, "$(spath)", policy_data.common.spath)
	replace(below, "$(b64_device_id)", base64url.encode(given.source)) == given.mount_point
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

# Devices.

volume_devices_fit(container) if {
	every device in input.devices {
		volume_device_fits(container, device)
	}
}

volume_device_fits(_, device) if startswith(device.container_path, policy_data.devices.vfio.device_path)

volume_device_fits(container, device) if {
	some wanted in container.devices
	wanted.container_path != policy_data.devices.vfio.device_path
	wanted.container_path == device.container_path
}

# Devices that are passed through, such as GPUs: none at all, or as many as the policy has. They come with the request
# and one annotation each, or, if plugged in before, with the annotations alone.

passed_devices_fit(container) if {
	count(passed_wanted(container)) == 0
	count(passed_given) == 0
}

passed_devices_fit(container) if {
	count(passed_given) > 0
	count(passed_given) == count(passed_wanted(container))
	every device in passed_given {
		some wanted in passed_wanted(container)
		passed_device_fits(wanted, device)
	}
	numbers := {passed_number(device) | some device in passed_given}
	count(numbers) == count(passed_given)
	numbers == annotated_numbers
}

passed_devices_fit(container) if {
	count(passed_given) == 0
	count(passed_wanted(container)) > 0
	count(annotated_numbers) == count(passed_wanted(container))
}

passed_wanted(container) := [device |
	some device in container.devices
	device.container_path == policy_data.devices.vfio.device_path
]

passed_given := [device |
	some device in input.devices
	startswith(device.container_path, policy_data.devices.vfio.device_path)
]

passed_number(device) := trim_prefix(device.container_path, policy_data.devices.vfio.device_path)

passed_device_fits(wanted, device) if {
	number := passed_number(device)
	regex.match("^[0-9]+$", number)
	device.id == concat("", ["vfio", number])
	device.type_ == wanted.type_
	device.vm_path == wanted.vm_path
	count(device.options) > 0
	every option in device.options {
		regex.match("^[0-9a-fA-F]{4}:[0-9a-fA-F]{2}:[01][0-9a-fA-F]\\.[0-7]=[0-9a-fA-F]{2}/[0-9a-fA-F]{2}$", option)
	}
}

annotated_numbers := {number |
	some key, _ in input.OCI.Annotations
	startswith(key, "cdi.k8s.io/vfio")
	number := trim_prefix(key, "cdi.k8s.io/vfio")
	regex.match("^[0-9]+$", number)
}
