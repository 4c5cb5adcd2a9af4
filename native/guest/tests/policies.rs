//! The layers of generated policies, as read here, against those that a JSON parser finds in the same text.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, missing_docs)]

use podseal_guest::policy::{print_root_hash, read_containers};
use serde_json::Value;
use std::fs;
use std::io::{Write, stderr};
use std::path::{Path, PathBuf};

fn policies(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            policies(&path, found);
        } else if path.extension().is_some_and(|name| name == "rego") {
            found.push(path);
        }
    }
}

/// The value behind `name := ` by a JSON parser, which stops where the value ends.
fn value_of(text: &str, name: &str) -> Option<Value> {
    let start = text.find(&format!("\n{name} := "))?;
    let rest = text.get(start.checked_add(name.len())?.checked_add(5)?..)?;
    serde_json::Deserializer::from_str(rest)
        .into_iter()
        .next()?
        .ok()
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|one| one.as_str().unwrap().to_owned())
        .collect()
}

/// Root hashes of each container, or none where the policy has none at all.
fn expected(text: &str) -> Option<Vec<Vec<String>>> {
    if let Some(containers) = value_of(text, "containers") {
        let containers = containers.as_array()?.clone();
        return Some(containers.iter().map(|one| texts(&one["layers"])).collect());
    }
    let containers = value_of(text, "policy_data")?["containers"]
        .as_array()?
        .clone();
    let overlay = |one: &Value| {
        let storages = one["storages"].as_array().cloned().unwrap_or_default();
        let mut overlays = storages
            .iter()
            .filter(|storage| storage["fstype"] == "fuse3.kata-overlay");
        overlays.next().map_or_else(Vec::new, |storage| {
            storage["options"][1]
                .as_str()
                .unwrap()
                .split(':')
                .map(str::to_owned)
                .collect()
        })
    };
    let all: Vec<Vec<String>> = containers.iter().map(overlay).collect();
    all.iter().any(|layers| !layers.is_empty()).then_some(all)
}

#[test]
fn layers_of_real_policies() {
    let Some(root) = std::env::var_os("PODSEAL_VECTORS").map(PathBuf::from) else {
        drop(writeln!(
            stderr(),
            "left out: real policies (PODSEAL_VECTORS is not set)"
        ));
        return;
    };
    let mut files = Vec::new();
    for folder in ["aci", "kata-golden", "snp", "aci-enforcement"] {
        policies(&root.join(folder), &mut files);
    }
    let mut compared = 0_usize;
    for path in &files {
        let Ok(text) = fs::read_to_string(path) else {
            continue;
        };
        let read = read_containers(text.as_bytes(), "policy").ok();
        let layers = read.map(|containers| {
            containers
                .iter()
                .map(|one| one.layers.iter().map(print_root_hash).collect())
                .collect()
        });
        let is_fragment =
            !text.contains("package policy\n") && !text.contains("package agent_policy\n");
        let wanted = if is_fragment { None } else { expected(&text) };
        // Rego has literals that are no JSON: a comma behind the last element.
        if wanted.is_none() && text.contains("\ncontainers := ") && !is_fragment {
            continue;
        }
        compared = compared.saturating_add(usize::from(wanted.is_some()));
        assert_eq!(layers, wanted, "{}", path.display());
    }
    assert!(compared > 20, "{compared} of {} policies", files.len());
}
