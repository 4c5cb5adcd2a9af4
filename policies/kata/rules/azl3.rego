# Kata agent policy rules for Azure Linux 3 guests (AKS, runtime class kata-cc).
#
# A policy is this text, a newline and `policy_data := ` with what podseal generates from a pod. It loads as Rego v0
# and v1. These agents take booleans only and remember nothing between requests.
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
default UpdateInterfaceRequest := true
default UpdateRoutesRequest := true
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

CreateSandboxRequest if {
	checks := ["guest hooks", "kernel modules", "process namespace", "storages"]
	failed := [check | some check in checks; not sandbox_passes(check)]
	none_failed("sandbox", failed)
}

CopyFileRequest if {
	failed := [check | some check in ["path", "link"]; not copy_passes(check)]
	none_failed("file", failed)
}

ExecProcessRequest if {
	failed := [check | some check in ["command", "process"]; not exec_passes(check)]
	none_failed("process", failed)
}

CreateContainerRequest if {
	failed := [check | some check in request_checks; not request_passes(check)]
	none_failed("container", failed)
	some container in policy_data.containers
	same_container(container)
	failed_here := [check | some check in container_checks; not container_passes(check, container)]
	none_failed("container of that name", failed_here)
}

none_failed(_, failed) if count(failed) == 0

none_failed(what, failed) if {
	count(failed) > 0
	print("the", what, "is refused, failed checks:", concat(", ", failed))
	false
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
	stays_below(input.path)
	some wanted in policy_data.request_defaults.CopyFileRequest
	pattern := replace(with_shared_paths(wanted), "$(bundle-id)", "[a-z0-9]{64}")
	regex.match(pattern, input.path)
}

copy_passes("link") if input.symlink_src == ""

copy_passes("link") if regex.match(hidden_name(policy_data.common.s_source1), input.symlink_src)

copy_passes("link") if {
	stays_below(input.symlink_src)
	regex.match(hidden_name(policy_data.common.s_source2), input.symlink_src)
}

stays_below(path) if {
	not contains(path, "../")
	not endswith(path, "/..")
}

# The two dots that such a pattern begins with are meant as dots.
hidden_name(pattern) := replace(pattern, "^..", "^\\.\\.")

# Processes in running containers. Which container runs under an id is not known here.

exec_passes("command") if {
	some container in policy_data.containers
	some command in container.exec_commands
	same_command(command, input.process.Args)
}

exec_passes("command") if {
	some command in policy_data.request_defaults.ExecProcessRequest.commands
	same_command(command, input.process.Args)
}

exec_passes("command") if regex_command

exec_passes("process") if {
	some container in policy_data.containers
	some command in container.exec_commands
	same_command(command, input.process.Args)
	container.OCI.Process.Terminal == input.process.Terminal
	exec_process_fits(container)
}

exec_passes("process") if {
	some command in policy_data.request_defaults.ExecProcessRequest.commands
	same_command(command, input.process.Args)
	some container in policy_data.containers
	exec_process_fits(container)
}

exec_passes("process") if {
	regex_command
	some container in policy_data.containers
	exec_process_fits(container)
}

regex_command if {
	some pattern in policy_data.request_defaults.ExecProcessRequest.regex
	regex.match(pattern, concat(" ", input.process.Args))
}

# The policy holds each command as its words joined by spaces.
same_command(command, arguments) if command == concat(" ", arguments)

exec_process_fits(container) if {
	wanted := container.OCI.Process
	given := input.process
	given.Cwd == wanted.Cwd
	given.NoNewPrivileges == wanted.NoNewPrivileges
	given.User.UID == wanted.User.UID
	is_null(given.Capabilities)
	variables_fit(wanted, given, container.OCI.Annotations["io.kubernetes.cri.sandbox-name"])
}

# Containers: what must hold whichever container it is.

request_checks := [
	"container name and type", "shared mounts", "string user", "hooks", "other systems", "id mappings", "sysctl",
	"labels", "resources", "rdt", "seccomp", "user name", "sandbox name", "bundle id",
]

request_passes("container name and type") if {
	some container in policy_data.containers
	same_container(container)
}

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

request_passes("sysctl") if input.OCI.Linux.Sysctl == {}

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

request_passes("bundle id") if bundle_id

# Containers: what must hold for the one container of the policy that has the name and type.

container_checks := [
	"version", "process namespace", "annotations", "identity", "root", "namespaces", "hidden paths", "arguments",
	"environment", "user", "capabilities", "process", "mounts", "storages",
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
	namespace := container.OCI.Annotations["io.kubernetes.cri.sandbox-namespace"]
	namespace == input.OCI.Annotations["io.kubernetes.cri.sandbox-namespace"]
	regex.match(container.OCI.Annotations["io.kubernetes.cri.sandbox-id"], sandbox_id)
	type_fits(container)
}

container_passes("root", container) if {
	container.OCI.Root.Readonly == input.OCI.Root.Readonly
	input.OCI.Root.Path == with_bundle_id(container.OCI.Root.Path)
}

container_passes("namespaces", container) if container.OCI.Linux.Namespaces == input.OCI.Linux.Namespaces

container_passes("hidden paths", container) if {
	given := input.OCI.Linux
	every path in container.OCI.Linux.MaskedPaths {
		path in given.MaskedPaths
	}
	every path in container.OCI.Linux.ReadonlyPaths {
		path in array.concat(given.ReadonlyPaths, given.MaskedPaths)
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

container_passes("environment", container) if variables_fit(container.OCI.Process, input.OCI.Process, sandbox_name)

container_passes("user", container) if container.OCI.Process.User.UID == input.OCI.Process.User.UID

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

container_passes("mounts", container) if {
	every mount in input.OCI.Mounts {
		some wanted in container.OCI.Mounts
		wanted.destination == mount.destination
		mount_fits(wanted, mount)
	}
}

container_passes("storages", container) if storages_fit(container)

# Names that the request brings along.

# A pod name as Kubernetes makes them. It ends up in arguments and variables, so it must not be able to say more.
sandbox_name := name if {
	name := input.OCI.Annotations["io.kubernetes.cri.sandbox-name"]
	regex.match("^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", name)
}

sandbox_id := input.OCI.Annotations["io.kubernetes.cri.sandbox-id"]

bundle_id := id if {
	path := input.OCI.Annotations["io.katacontainers.pkg.oci.bundle_path"]
	id := replace(path, "/run/containerd/io.containerd.runtime.v2.task/k8s.io/", "")
	regex.match("^[a-z0-9]{64}$", id)
}

annotation_fits(_, key) if startswith(key, "io.kubernetes.cri.")

annotation_fits(container, key) if {
	some known, _ in container.OCI.Annotations
	known == key
}

name_fits(container) if not container.OCI.Annotations["io.kubernetes.cri.sandbox-name"]

name_fits(container) if container.OCI.Annotations["io.kubernetes.cri.sandbox-name"] == sandbox_name

name_fits(container) if contains(container.OCI.Annotations["io.kubernetes.cri.sandbox-name"], "$(generated-name)")

type_fits(container) if {
	has_type(container, "sandbox")
	wanted := container.OCI.Annotations
	given := input.OCI.Annotations
	given["io.katacontainers.pkg.oci.container_type"] == "pod_sandbox"
	regex.match(wanted["nerdctl/network-namespace"], given["nerdctl/network-namespace"])
	named := replace(wanted["io.kubernetes.cri.sandbox-log-directory"], "$(sandbox-name)", literal(sandbox_name))
	namespace := given["io.kubernetes.cri.sandbox-namespace"]
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

# Arguments and environment.

argument_fits(wanted, given) if replace(wanted, "$$", "$") == given

argument_fits(wanted, given) if replace(replace(wanted, "$$", "$"), "$(sandbox-name)", sandbox_name) == given

argument_fits(wanted, given) if {
	contains(wanted, "$(node-name)")
	regex.match(with_free_values(wanted), given)
}

variables_fit(wanted, given, name) if {
	every variable in given.Env {
		variable_fits(wanted, variable, name)
	}
}

variable_fits(wanted, variable, pod) if {
	variable in wanted.Env
} else := true if {
	some text in wanted.Env
	replace(text, "$(sandbox-name)", pod) == variable
} else := true if {
	some pattern in variable_patterns
	regex.match(pattern, variable)
} else := true if {
	[name, value] := split(variable, "=")
	regex.match(ipv4_address, value)
	some address in ["$(pod-ip)", "$(host-ip)"]
	concat("=", [name, address]) in wanted.Env
} else := true if {
	[name, value] := split(variable, "=")
	some text in wanted.Env
	[wanted_name, wanted_value] := split(text, "=")
	wanted_name == name
	some free in ["$(host-name)", "$(node-name)", "$(pod-uid)", "$(resource-field)", "$(todo-annotation)"]
	contains(wanted_value, free)
	regex.match(with_free_values(wanted_value), value)
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
	e := replace(d, literal("$(resource-field)"), ".*")
	f := replace(e, literal("$(todo-annotation)"), ".*")
	g := replace(f, literal("$(pod-ip)"), ".*")
	h := replace(g, literal("$(host-ip)"), ".*")
	i := replace(h, literal("$(sandbox-name)"), ".*")
	pattern := concat("", ["^(?s:", i, ")$"])
}

# Pattern that matches this text and no other.
literal(text) := concat("", [literal_character(character) | some character in split(text, ""); character != ""])

literal_character(character) := concat("", ["\\", character]) if {
	contains("\\.+*?()|[]{}^$", character)
} else := character

capabilities_fit(wanted, given) if wanted == given

capabilities_fit(wanted, given) if {
	wanted == ["$(default_caps)"]
	given == policy_data.common.default_caps
}

capabilities_fit(wanted, given) if {
	wanted == ["$(privileged_caps)"]
	given == policy_data.common.privileged_caps
}

# Mounts.

mount_fits(wanted, given) if {
	wanted == given
} else := true if {
	same_place(wanted, given)
	path_fits(with_bundle_id(with_shared_paths(wanted.source)), given.source)
} else := true if {
	same_place(wanted, given)
	path_fits(with_sandbox_id(with_shared_paths(wanted.source)), given.source)
} else := true if {
	# A directly assigned volume: the name of its directory is the encoded path of the volume on the node.
	same_place(wanted, given)
	parts := split(given.source, "/")
	name := parts[count(parts) - 1]
	regex.match("^([A-Za-z0-9+]{4})*([A-Za-z0-9+]{4}|[A-Za-z0-9+]{2}[AEIMQUYcgkosw048]=|[A-Za-z0-9+][AQgw]==)$", name)
	below := replace(wanted.source, "$(spath)", policy_data.common.spath)
	replace(below, "$(b64-direct-vol-path)", name) == given.source
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
	"$(cpath)", policy_data.common.cpath,
)

with_bundle_id(text) := replace(replace(text, "$(cpath)", policy_data.common.cpath), "$(bundle-id)", bundle_id)

with_sandbox_id(text) := replace(
	replace(text, "$(cpath)", policy_data.common.cpath),
	"$(sandbox-id)", literal(sandbox_id),
)

# Storages: those of the request and those of the policy must pair up without rest, so that no layer is given twice
# in place of another and the overlay is not left out.

storages_fit(container) if {
	image := image_of(container)
	wanted := [storage | some plain in container.storages; storage := expected_storage(plain, image)]
	count(wanted) == count(container.storages)
	count(wanted) == count(input.storages)
	choices := [fitting |
		some storage in wanted
		fitting := {index | some index, given in input.storages; storage_fits(storage, given)}
	]
	pair_up(choices)
}

# Layers of the image, top layer first, as the one overlay of the container names them.
image_of(container) := image if {
	overlays := {storage.options | some storage in container.storages; storage.driver == "overlayfs"}
	count(overlays) == 1
	some [ids_text, hashes_text] in overlays
	ids := split(ids_text, ":")
	hashes := split(hashes_text, ":")
	count(ids) == count(hashes)
	layers := [option |
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
	image := {
		"ids": ids,
		"hashes": hashes,
		"overlay": array.concat(array.concat([prefix], layers), last),
	}
}

expected_storage(storage, image) := {
	"driver": storage.driver,
	"driver_options": storage.driver_options,
	"fs_group": storage.fs_group,
	"options": expected_options(storage, image),
	"mount_point": expected_mount_point(storage, image),
}

expected_options(storage, image) := options if {
	is_layer(storage)
	some index, hash in image.hashes
	storage.options == [concat("", ["$(hash", format_int(index, 10), ")"])]
	options := [
		"ro", "io.katacontainers.fs-opt.block_device=file", "io.katacontainers.fs-opt.is-layer",
		concat("", ["io.katacontainers.fs-opt.root-hash=", hash]),
	]
} else := image.overlay if {
	storage.driver == "overlayfs"
} else := storage.options if {
	not is_layer(storage)
}

expected_mount_point(storage, image) := path if {
	storage.fstype == "tar"
	some index, id in image.ids
	storage.mount_point == concat("", ["$(layer", format_int(index, 10), ")"])
	path := concat("", ["/run/kata-containers/sandbox/layers/", id])
} else := with_bundle_id(storage.mount_point) if {
	storage.fstype in ["fuse3.kata-overlay", "bind"]
} else := with_sandbox_id(storage.mount_point) if {
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
	storage_path_fits(wanted.mount_point, given)
	storage_options_fit(wanted, given.options)
}

storage_path_fits(wanted, given) if path_fits(wanted, given.mount_point)

storage_path_fits(wanted, given) if {
	replace(wanted, "$(b64-direct-vol-path)", base64url.encode(given.source)) == given.mount_point
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
	every choice in choices {
		count(choice) == 1
	}
	count({index | some choice in choices; some index in choice}) == count(choices)
} else := true if {
	every choice in choices {
		within := [other | some other in choices; count(other - choice) == 0]
		count(within) <= count(choice)
		every other in choices {
			nested_or_disjoint(choice, other)
		}
	}
}

nested_or_disjoint(one, other) if count(one & other) == 0

nested_or_disjoint(one, other) if count(one - other) == 0

nested_or_disjoint(one, other) if count(other - one) == 0
