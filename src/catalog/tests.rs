//! The tables say something, and what they say of components that are built here is what these take.

use super::*;

#[test]
fn every_table_is_read_whole() {
    let found: Vec<String> =
        plugins().flat_map(|plugin| table::mistakes(plugin.name, plugin.text, CORE.text)).collect();
    assert_eq!(found, Vec::<String>::new());
    for plugin in plugins() {
        assert!(!plugin.components().is_empty(), "{}", plugin.name);
    }
}

#[test]
fn components_are_found_by_role_and_name() {
    let shell = find(Role::Provisioner, "shell").expect("shell");
    assert_eq!((shell.plugin, shell.options.attributes.get("inline")), ("core", Some(&Type::list(Type::String))));
    assert!(find(Role::Builder, "shell").is_none());
    let ebs = find(Role::Builder, "amazon-ebs").expect("amazon-ebs");
    assert_eq!(ebs.plugin, "amazon");
    assert_eq!(ebs.options.attributes.get("ssh_username"), Some(&Type::String), "from a group of core");
    assert!(ebs.options.blocks["launch_block_device_mappings"].repeated);
    assert!(!ebs.options.blocks["assume_role"].repeated);
    let ami = find(Role::Data, "amazon-ami").expect("amazon-ami");
    assert!(ami.outputs.attributes.contains_key("id") && !ami.options.attributes.contains_key("id"));
    assert!(names(Role::PostProcessor).contains(&"manifest"));
}
