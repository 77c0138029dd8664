//! The examples of a team's own images: tools added to the plugin's image (`images/Dockerfile.tools`), and the plugin added
//! to another image (`images/Dockerfile.copied`).

use std::os::unix::fs::PermissionsExt;

use crate::container::workspace;
use crate::progressive::World;

#[test]
#[ignore = "needs the built images: .ci/images"]
fn a_script_finds_the_tools_that_a_team_added() {
    let world = World::start();
    let workspace = workspace(0o777);
    let script = workspace.join("deploy.sh");
    let text = "#!/bin/sh\nset -e\nkubectl version --client >>calls\nssh -G shop.example >>calls\nid -u >>calls\n";
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    world
        .rollout("example-tools", &workspace)
        .with(&[("run_deploy", "true"), ("deployment_script", "deploy.sh")])
        .run()
        .with(0);
    assert_eq!(world.weights(), (0, 100));
    let calls = std::fs::read_to_string(workspace.join("calls")).unwrap();
    assert!(calls.contains("Client Version"), "{calls}");
    assert!(calls.contains("shop.example"), "{calls}");
    assert!(calls.ends_with("65534\n"), "{calls}");
}

#[test]
#[ignore = "needs the built images: .ci/images"]
fn a_binary_that_was_copied_into_another_image_rolls_out() {
    let world = World::start();
    let workspace = workspace(0o777);
    world.rollout("example-copied", &workspace).run().with(0);
    assert_eq!(world.weights(), (0, 100));
}
