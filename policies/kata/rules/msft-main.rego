# Kata agent policy rules for guests of the Microsoft main line (kata 3.19).
#
# A policy is this text, a newline and `policy_data := ` with what podseal generates from a pod. It loads as Rego v0
# and v1. These agents keep a state between requests; their engine has no base64.
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
default RemoveContainerRequest := false
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
	checks := ["container", "string user", "labels", "command", "terminal", "process", "user", "environment"]
	failed := [check | some check in checks; not exec_passes(check)]
	none_failed("process", failed)
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

RemoveContainerRequest := {"allowed": true, "ops": [{"op": "remove", "path": state_path(container_key)}]} if {
	failed := [check | some check in ["container"]; not is_known]
	none_failed("removal", failed)
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

container_key := concat("", ["container:", input.container_id]) if {
	regex.match("^[a-zA-Z0-9._-]*$", input.container_id)
}

is_known if data.pstate[container_key]

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

# What has all bits of a link in its mode becomes a link to what the data says: only below the top level, where the
# files of Kubernetes' volumes are, and only to what is beside or below it.
copy_passes("link") if bits.and(input.file_mode, 40960) != 40960

copy_passes("link") if {
	bits.and(input.file_mode, 40960) == 40960
	some pattern in copy_patterns
	regex.match(concat("", [pattern, ".*/.+"]), input.path)
	count(input.data) <= 4096
	every index, byte in input.data {
		not leads_up(index, byte)
	}
}

copy_patterns := [pattern |
	some text in policy_data.request_defaults.CopyFileRequest
	pattern := replace(with_shared_paths(text), "$(bundle-id)", "[a-z0-9]{64}")
]

goes_up(path) if regex.match("(^|/)\\.\\.($|/)", path)

# Byte `index` of the target is a slash that begins it, or the first of two dots that are a part of their own.
leads_up(index, 47) if index == 0

leads_up(index, 46) if {
	input.data[index + 1] == 46
	part_begins(index)
	part_ends(index + 2)
}

part_begins(index) if index == 0

part_begins(index) if input.data[index - 1] == 47

part_ends(index) if index == count(input.data)

part_ends(index) if input.data[index] == 47

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

exec_passes("terminal") if exec_container.OCI.Process.Terminal == input.process.Terminal

exec_passes("terminal") if settings_command

exec_passes("process") if {
	wanted := exec_container.OCI.Process
	given := input.process
	given.Cwd == wanted.Cwd
	given.NoNewPrivileges == wanted.NoNewPrivileges
	is_null(given.Capabilities)
}

exec_passes("user") if user_fits(exec_container.OCI.Process.User, input.process.User)

exec_passes("environment") if {
	variables_fit(exec_container.OCI.Process, input.process, data.pstate.sandbox_name, data.pstate.namespace)
}

# A command that the settings allow, with or without a terminal.
settings_command if input.process.Args in policy_data.request_defaults.ExecProcessRequest.allowed_commands

settings_command if {
	some pattern in policy_data.request_defaults.ExecProcessRequest.regex
	regex.match(pattern, concat(" ", input.process.Args))
}

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

request_passes("bundle id") if bundle_id

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
	every key, _ in input.OCI.Annotations {
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
	container.OCI.Root.Readonly == input.OCI.Root.Readonly
	root := replace(container.OCI.Root.Path, "$(cpath)", policy_data.common.cpath)
	input.OCI.Root.Path == replace(root, "$(bundle-id)", bundle_id)
}

container_passes("namespaces", container) if {
	given := [entry | some entry in input.OCI.Linux.Namespaces; entry.Type != "network"]
	container.OCI.Linux.Namespaces == given
}

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
	wanted := container.OCI.Process.Capabilities
	given := input.OCI.Process.Capabilities
	every name in ["Ambient", "Bounding", "Effective", "Inheritable", "Permitted"] {
		capabilities_fit(wanted[name], given[name])
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
			mount_fits(wanted, mount)
		}
	]
	each_has_its_own(choices)
}

container_passes("storages", container) if storages_fit(container)

container_passes("devices", container) if {
	every device in input.devices {
		some wanted in container.devices
		wanted.container_path == device.container_path
	}
	every device in input.OCI.Linux.Devices {
		some wanted in container.OCI.Linux.Devices
		wanted.Path == device.Path
	}
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

bundle_id := id if {
	path := input.OCI.Annotations["io.katacontainers.pkg.oci.bundle_path"]
	id := replace(path, "/run/containerd/io.containerd.runtime.v2.task/k8s.io/", "")
	regex.match("^[a-zA-Z0-9][a-zA-Z0-9._-]+$", id)
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

# Users, capabilities, arguments and environment.

user_fits(wanted, given) if {
	wanted.UID == given.UID
	wanted.GID == given.GID
	{gid | some gid in wanted.AdditionalGids} == {gid | some gid in given.AdditionalGids}
}

capabilities_fit(wanted, given) if wanted == given

capabilities_fit(wanted, given) if {
	wanted == ["$(default_caps)"]
	given == policy_data.common.default_caps
}

capabilities_fit(wanted, given) if {
	wanted == ["$(privileged_caps)"]
	given == policy_data.common.privileged_caps
}

argument_fits(wanted, given) if replace(wanted, "$$", "$") == given

argument_fits(wanted, given) if replace(replace(wanted, "$$", "$"), "$(sandbox-name)", sandbox_name) == given

argument_fits(wanted, given) if {
	contains(wanted, "$(node-name)")
	regex.match(with_free_values(replace(wanted, "$(sandbox-name)", sandbox_name)), given)
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
	named := replace(replace(wanted_value, "$(sandbox-name)", pod), "$(sandbox-namespace)", space)
	regex.match(with_free_values(named), value)
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
	pattern := concat("", ["^(?s:", h, ")$"])
}

# Pattern that matches this text and no other.
literal(text) := concat("", [literal_character(character) | some character in characters(text)])

literal_character(character) := concat("", ["\\", character]) if {
	contains("\\.+*?()|[]{}^$", character)
} else := character

characters(text) := [character | some character in split(text, ""); character != ""]

# Mounts.

mount_fits(wanted, given) if {
	wanted == given
} else := true if {
	same_place(wanted, given)
	source := with_shared_paths(wanted.source)
	some path in [with_bundle_id(source), with_sandbox_id(source)]
	path_fits(path, given.source)
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

# Storages: but for the image that the guest pulls, those of the request and those of the policy must pair up without
# rest, so that no layer is given twice in place of another and the overlay is not left out.

storages_fit(container) if {
	images := [storage | some storage in input.storages; storage.driver == "image_guest_pull"]
	count(images) <= 1
	every image in images {
		image_fits(container, image)
	}
	others := [storage | some storage in input.storages; storage.driver != "image_guest_pull"]
	layers := layers_of(container)
	wanted := [storage | some plain in container.storages; storage := expected_storage(plain, layers)]
	count(wanted) == count(container.storages)
	count(wanted) == count(others)
	choices := [fitting |
		some storage in wanted
		fitting := {index | some index, given in others; storage_fits(storage, given)}
	]
	pair_up(choices)
}

# An image is pulled to where the root of the container is, unless layers are verified instead.
image_fits(container, image) if {
	not verifies_layers
	image.fstype == "overlay"
	is_null(image.fs_group)
	count(image.options) == 0
	image.mount_point in [input.OCI.Root.Path, concat("/", ["/run/kata-containers", bundle_id, "rootfs"])]
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

verifies_layers if policy_data.common.image_layer_verification == "host-tarfs-dm-verity"

# Layers of the image, top layer first, as the one overlay of the container names them.
layers_of(container) := layers if {
	verifies_layers
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
		option := concat("", ["io.katacontainers.fs-opt.layer=", base64_of(text)])
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
} else := {"ids": [], "hashes": []} if {
	not verifies_layers
}

# Base64 of a text of printable ASCII: three characters make a number of 24 bits, and that four digits.
base64_of(text) := encoded if {
	codes := [code | some character in characters(text); code := ascii_codes[character]]
	filled := array.concat(codes, [0, 0])
	digits := [digit |
		some index, code in codes
		index % 3 == 0
		number := ((code * 65536) + (filled[index + 1] * 256)) + filled[index + 2]
		some shift in [18, 12, 6, 0]
		digit := base64_digits[bits.and(bits.rsh(number, shift), 63)]
	]
	padding := (3 - (count(codes) % 3)) % 3
	kept := array.slice(digits, 0, count(digits) - padding)
	encoded := concat("", array.concat(kept, array.slice(["=", "="], 0, padding)))
}

base64_digits := characters("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")

ascii_codes := {character: code |
	some index, character in characters(",-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz")
	code := index + 44
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

# The root hash ties a layer to its content, so any device may hold it.
expected_source(storage) := "^" if {
	is_layer(storage)
} else := "none" if {
	storage.driver == "overlayfs"
} else := with_bundle_id(with_shared_paths(storage.source))

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
	storage.driver != "blk"
	storage.driver != "overlayfs"
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
	wanted.options == given.options
	path_fits(wanted.source, given.source)
	path_fits(wanted.mount_point, given.mount_point)
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
