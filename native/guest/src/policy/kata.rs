//! Policies of the kata agent: `policy_data`, whose containers have a storage for the overlay of their layers, with the
//! root hashes in its second option, joined by colons, top layer first (layer-hash-tarfs section 8).

use super::{Container, Value, parse_root_hash, scan};

const OVERLAY: &str = "fuse3.kata-overlay";
const NAME_ANNOTATION: &str = "io.kubernetes.cri.container-name";

pub(super) fn read(text: &str) -> Result<Vec<Container>, String> {
    let Some(data) = scan::definition(text, "policy_data")? else {
        return Err("it has no policy_data, so that nothing can be compared".to_owned());
    };
    let list = data.get("containers").and_then(Value::list);
    let list = list.ok_or("policy_data has no containers")?;
    let containers: Vec<Container> = list
        .iter()
        .enumerate()
        .map(|(index, one)| read_container(index, one))
        .collect::<Result<_, _>>()?;
    if containers.iter().all(|one| one.layers.is_empty()) {
        return Err(
            "it names no root hashes: the guest pulls the images itself, without dm-verity"
                .to_owned(),
        );
    }
    Ok(containers)
}

fn read_container(index: usize, value: &Value) -> Result<Container, String> {
    let annotation = value
        .get("OCI")
        .and_then(|oci| oci.get("Annotations")?.get(NAME_ANNOTATION)?.text());
    let name = annotation.map_or_else(|| index.to_string(), str::to_owned);
    let storages = match value.get("storages") {
        None => return Err(format!("container {name:?} has no storages")),
        Some(Value::Other) => &[],
        Some(storages) => storages
            .list()
            .ok_or_else(|| format!("the storages of container {name:?} are no array"))?,
    };
    let mut layers = Vec::new();
    for storage in storages
        .iter()
        .filter(|one| one.get("fstype").and_then(Value::text) == Some(OVERLAY))
    {
        layers.extend(
            read_overlay(storage)
                .ok_or_else(|| format!("container {name:?} has an overlay without root hashes"))?,
        );
    }
    Ok(Container { name, layers })
}

fn read_overlay(storage: &Value) -> Option<Vec<super::RootHash>> {
    let [_, hashes] = storage.get("options")?.list()? else {
        return None;
    };
    match hashes.text()? {
        "" => Some(Vec::new()),
        joined => joined.split(':').map(parse_root_hash).collect(),
    }
}
