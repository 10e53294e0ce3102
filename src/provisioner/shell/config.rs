//! Options of the provisioner `shell`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::client::Services;
use crate::eval::fields::Fields;
use crate::eval::interpolate::Interpolation;
use crate::provisioner::Provisioner;
use crate::script::{ScriptOptions, VariableFormat};

/// The peer's internal status for a broken connection: templates list it in `valid_exit_codes`.
pub(super) const PASSING_DISCONNECT: i64 = 2_300_218;

pub(super) struct Shell {
    pub(super) script: ScriptOptions,
    pub(super) format: VariableFormat,
    pub(super) binary: bool,
    pub(super) use_env_var_file: bool,
    /// Rendered when the script's place on the machine is known.
    pub(super) execute_command: String,
    pub(super) remote_folder: String,
    /// Nothing: a random name in `remote_folder`.
    pub(super) remote_path: Option<String>,
    pub(super) skip_clean: bool,
    pub(super) start_retry_timeout: Duration,
    pub(super) expect_disconnect: bool,
    pub(super) pause_after: Duration,
    /// Of the build.
    pub(super) facts: BTreeMap<String, String>,
    pub(super) interpolation: Interpolation,
}

pub(in crate::provisioner) fn decode(fields: &mut Fields<'_>, _: &Arc<Services>) -> Option<Box<dyn Provisioner>> {
    Some(Box::new(Shell::decode(fields)?))
}

impl Shell {
    pub(super) fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let script = ScriptOptions::decode(fields, None);
        let use_env_var_file = fields.flag("use_env_var_file").unwrap_or(false);
        // The peer's defaults begin with "chmod +x {{.Path}}; ". The communicator puts scripts there with mode 0755.
        let (execute_command, format) = match use_env_var_file {
            true => (". {{.EnvVarFile}} && {{.Path}}", VariableFormat::export()),
            false => ("{{.Vars}} {{.Path}}", VariableFormat::prefix()),
        };
        let seen = fields.facts_and(["Path", "Vars", "EnvVarFile"]);
        let asked_command = fields.template("execute_command", seen.as_ref()).filter(|command| !command.is_empty());
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let remote_folder = given(fields.text("remote_folder")).unwrap_or_else(|| "/tmp".to_owned());
        let remote_file = given(fields.text("remote_file"));
        let remote_path = given(fields.text("remote_path"));
        let binary = fields.flag("binary").unwrap_or(false);
        let skip_clean = fields.flag("skip_clean").unwrap_or(false);
        let start_retry_timeout = fields.duration("start_retry_timeout").unwrap_or(Duration::from_secs(300));
        let expect_disconnect = fields.flag("expect_disconnect").unwrap_or(false);
        let pause_after = fields.duration("pause_after").unwrap_or_default();
        let script = script?;
        Some(Self {
            format: script.format.clone().unwrap_or(format),
            script,
            binary,
            use_env_var_file,
            execute_command: asked_command.unwrap_or_else(|| execute_command.to_owned()),
            remote_path: remote_path.or_else(|| Some(format!("{remote_folder}/{}", remote_file?))),
            remote_folder,
            skip_clean,
            start_retry_timeout,
            expect_disconnect,
            pause_after,
            facts: fields.facts(),
            interpolation: fields.interpolation().clone(),
        })
    }
}
