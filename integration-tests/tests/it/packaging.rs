//! What the packaging says, as far as it can be held against something without a container. `compose/prove` does the rest.

use serde_json::Value;
use std::path::{Path, PathBuf};
use tidegate_integration_tests::{Mesh, Python};

fn manifests() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../compose/kubernetes");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be read").path())
        .collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    let mut arguments = vec!["1.34"];
    arguments.extend(files.iter().map(|file| file.to_str().expect("a path is text")));
    Python::script("kubernetes_schema.py", &arguments).run("")
}

#[test]
fn kubernetes_manifests_keep_the_schemas_of_their_kinds() {
    let manifests = manifests();
    let problems: Vec<&Value> =
        manifests.iter().map(|one| &one["problem"]).filter(|problem| !problem.is_null()).collect();
    assert_eq!(problems, Vec::<&Value>::new());
    let kinds: Vec<&str> = manifests.iter().filter_map(|one| one["kind"].as_str()).collect();
    assert_eq!(kinds, ["Job", "ConfigMap", "Secret", "Deployment", "Deployment"]);
    let sidecar = &manifests[4]["document"]["spec"]["template"]["spec"]["initContainers"][0];
    assert_eq!(sidecar["restartPolicy"], "Always", "that is what makes it a native sidecar");
}

#[tokio::test]
async fn the_config_map_passes_check() {
    let manifests = manifests();
    let config = manifests.iter().find(|one| one["kind"] == "ConfigMap").expect("there is one");
    let mesh = Mesh::on("unused", "unused:9092", "http://unused");
    for (name, text) in config["document"]["data"].as_object().expect("it has files") {
        mesh.write(&format!("mounted/{name}"), text.as_str().expect("a file is text"));
    }
    let outcome = mesh.tidegate(&["--config", "mounted/tidegate.yaml", "check"]);
    assert_eq!(outcome.code, Some(0), "{}{}", outcome.stdout, outcome.stderr);
}
