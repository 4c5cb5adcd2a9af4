//! CCE policies: `containers`, each with `layers`, base layer first (aci-framework section 4.2).

use super::{Container, Value, parse_root_hash, scan};

pub(super) fn read(text: &str) -> Result<Vec<Container>, String> {
    let Some(value) = scan::definition(text, "containers")? else {
        return Err("it lists no containers, so that nothing can be compared".to_owned());
    };
    let list = value.list().ok_or("containers is not an array")?;
    list.iter()
        .enumerate()
        .map(|(index, one)| read_container(index, one))
        .collect()
}

fn read_container(index: usize, value: &Value) -> Result<Container, String> {
    let name = ["name", "id"]
        .iter()
        .find_map(|member| value.get(member)?.text());
    let name = name.map_or_else(|| index.to_string(), str::to_owned);
    let layers = value.get("layers").and_then(Value::list);
    let layers = layers.ok_or_else(|| format!("container {name:?} has no layers"))?;
    let layers = layers.iter().map(|layer| {
        let hash = layer.text().and_then(parse_root_hash);
        hash.ok_or_else(|| {
            format!("container {name:?} has a layer that is not 64 lower-case hex digits")
        })
    });
    Ok(Container {
        layers: layers.collect::<Result<_, _>>()?,
        name: name.clone(),
    })
}
