//! Where a fixer does more than the peer's, and what it leaves alone. That the others do the same is tested beside it.

use serde_json::json;

use super::*;

#[track_caller]
fn check(before: &Value, after: &Value, names: &[&str]) {
    let Value::Object(mut template) = before.clone() else { panic!("an object") };
    assert_eq!(fix(&mut template), names);
    assert_eq!(Value::Object(template), *after);
}

#[test]
fn who_refers_to_a_renamed_builder_follows() {
    check(
        &json!({
            "builders": [{"type": "vmware"}, {"type": "virtualbox", "name": "n"}],
            "provisioners": [{"type": "shell", "override": {"vmware": {"a": 1}, "n": {}}, "only": ["vmware", "n"]}],
            "post-processors": [["x", {"type": "y", "except": ["vmware"]}]],
        }),
        &json!({
            "builders": [{"type": "vmware-iso"}, {"type": "virtualbox-iso", "name": "n"}],
            "provisioners": [{"type": "shell", "override": {"vmware-iso": {"a": 1}, "n": {}}, "only": ["vmware-iso", "n"]}],
            "post-processors": [["x", {"type": "y", "except": ["vmware-iso"]}]],
        }),
        &["virtualbox-rename", "vmware-rename"],
    );
}

#[test]
fn names_are_cleaned_however_deep() {
    check(
        &json!({"builders": [{"type": "x", "l": ["{{clean_image_name `a`}}"], "m": {"n": "clean_ami_name"}}]}),
        &json!({"builders": [{"type": "x", "l": ["{{clean_resource_name `a`}}"], "m": {"n": "clean_resource_name"}}]}),
        &["clean-image-name"],
    );
}

#[test]
fn what_is_not_understood_is_left_alone() {
    for template in [
        json!({}),
        json!({"builders": "x", "provisioners": 1, "post-processors": {"a": []}}),
        json!({"builders": [1, null, {"type": 5}, {"type": "amazon-ebs", "ssh_private_ip": "maybe"}]}),
        json!({"builders": [{"type": "x", "iso_md5": 5, "ssh_key_path": []}]}),
        json!({"provisioners": [{"type": "powershell", "environment_vars": "A=`$x"}]}),
    ] {
        check(&template, &template, &[]);
    }
}
