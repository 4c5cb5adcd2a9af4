//! `podseal-guest layers`: the dm-verity devices of this machine against the root hashes of a policy.

use super::{Done, World};
use crate::context_dir;
use crate::dm::{self, LayersVerdict};
use crate::expected;
use crate::failure::{Code, EXIT_DENIED, EXIT_OK, Failure};
use crate::files;
use crate::options::LayersOptions;
use crate::policy;
use crate::print::{json_line, printable};
use serde::Serialize;
use std::collections::BTreeSet;

#[derive(Serialize)]
struct Printed<'a> {
    format: &'static str,
    verdict: &'static str,
    reason: Option<&'static str>,
    policy: &'a str,
    from: &'a str,
    #[serde(flatten)]
    layers: &'a LayersVerdict,
}

const TABLE_BYTES_MAX: usize = 16 << 20;

pub(super) fn run(options: &LayersOptions, json: bool, world: &World) -> Result<Done, Failure> {
    let directory = context_dir::find(
        options.context.as_deref(),
        world.context_variable.clone(),
        &world.root,
    );
    let candidate = expected::read(&options.origin, directory.as_deref())?;
    let containers = policy::read_containers(expected::policy_text(&candidate)?, &candidate.name)?;
    let running: BTreeSet<String> = options.running.iter().cloned().collect();
    if let Some(unknown) = running
        .iter()
        .find(|name| containers.iter().all(|one| one.name != **name))
    {
        let names = containers
            .iter()
            .map(|one| one.name.as_str())
            .collect::<Vec<_>>()
            .join(", ");
        return Err(Failure::new(
            Code::Usage,
            format!("--running {unknown}: the policy has no such container"),
        )
        .with_sides(names, unknown));
    }
    let (devices, from) = match &options.table {
        Some(path) => {
            let what = path.display().to_string();
            (
                dm::parse_table(&files::read(path, TABLE_BYTES_MAX)?, &what)?,
                what,
            )
        }
        None => (
            dm::read_control(&options.control)?,
            options.control.display().to_string(),
        ),
    };
    let layers = dm::judge_layers(&devices, &containers, &options.known, &running);
    let reason = layers.reason().map(dm::Reason::as_str);
    let exit = if reason.is_none() {
        EXIT_OK
    } else {
        EXIT_DENIED
    };
    let verdict = if reason.is_none() {
        "allowed"
    } else {
        "denied"
    };
    let product = if json {
        let format = "podseal.layers/v1";
        json_line(&Printed {
            format,
            verdict,
            reason,
            policy: &candidate.name,
            from: &from,
            layers: &layers,
        })?
    } else {
        print_text(&layers, &candidate.name, &from).into_bytes()
    };
    Ok(Done {
        product,
        story: String::new(),
        exit,
    })
}

fn print_text(layers: &LayersVerdict, policy: &str, from: &str) -> String {
    let mut lines = vec![match layers.reason() {
        None => "layers: ALLOWED".to_owned(),
        Some(reason) => format!("layers: DENIED [{}]", reason.as_str()),
    }];
    lines.push(format!("  policy:  {}", printable(policy)));
    lines.push(format!("  devices: {}", printable(from)));
    if layers.code.is_some() {
        lines.push("  there is no dm-verity device on this machine".to_owned());
    }
    for row in &layers.devices {
        let hash = row.root_hash.as_deref().unwrap_or("no root hash");
        let what = match (&row.code, &row.detail) {
            (Some(code), detail) => format!(
                "{}: {}",
                code.as_str(),
                detail.as_deref().unwrap_or_default()
            ),
            (None, _) => "known".to_owned(),
        };
        lines.push(format!(
            "  {}  {hash}  {}",
            printable(&row.name),
            printable(&what)
        ));
    }
    for row in &layers.containers {
        let code = row
            .code
            .map_or(String::new(), |code| format!(", {}", code.as_str()));
        lines.push(format!(
            "  container {}: {}{code}",
            printable(&row.name),
            row.state
        ));
        if row.code.is_some() {
            lines.extend(row.missing.iter().map(|hash| format!("    missing {hash}")));
        }
    }
    lines.push(String::new());
    lines.join("\n")
}
