//! Comments that tell newcomers to the language what the parts of an upgraded template are.

pub(super) const FILE: &str = "\
# This file was written by `hcl2_upgrade` from a JSON template. Please check that everything is correct before it is
# used. Its blocks can be moved to other files of the same folder whose names end in .pkr.hcl, such as the variables to
# variables.pkr.hcl; a folder is then built, validated and inspected as a whole.

# Do not mix {{ }} of the old format with ${ } in one text: they are not evaluated together.
";
pub(super) const PACKER: &str = "\n# Versions and plugins that the template needs.\n";
pub(super) const VARIABLES: &str = "\
\n# Values from outside: all are of type string here, as JSON templates have no others; change the types as you like.";
pub(super) const SECRETS: &str = "\n# Secrets, from the aws_secretsmanager functions of the JSON template.";
pub(super) const IMAGES: &str = "\n# Images to start from, from the source_ami_filter options of the JSON template.";
pub(super) const LOCALS: &str = "\
\n# Values that are computed: variables of the JSON template with functions that a variable block cannot have.";
pub(super) const SOURCES: &str = "\n# Builders: a source block is used by build blocks.";
pub(super) const BUILD: &str = "\n# A build block runs provisioners and post-processors on its sources.\n";
