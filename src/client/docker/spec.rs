//! What a container is to be like: our own type, and its translation to the engine's request.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{
    ContainerCreateBody, DeviceMapping, DeviceRequest, EndpointIpamConfig, EndpointSettings, HealthConfig, HostConfig,
    HostConfigCgroupnsModeEnum, HostConfigLogConfig, Mount, MountBindOptions, MountBindOptionsPropagationEnum,
    MountTmpfsOptions, MountType, NetworkingConfig, PortBinding, ResourcesUlimits, RestartPolicy,
    RestartPolicyNameEnum,
};

/// A container to create. Empty texts and lists leave the choice to the image or the engine.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ContainerSpec {
    pub image: String,
    pub platform: String,
    /// `Some` replaces the image's entry point; an empty one removes it.
    pub entrypoint: Option<Vec<String>>,
    pub command: Vec<String>,
    pub user: String,
    pub workdir: String,
    pub env: Vec<String>,
    pub labels: BTreeMap<String, String>,
    pub hostname: String,
    pub domainname: String,
    pub tty: bool,
    pub open_stdin: bool,
    pub stop_signal: String,
    pub stop_timeout: Option<i64>,
    pub no_healthcheck: bool,
    /// `host:container[:options]`; the engine makes missing host folders.
    pub binds: Vec<String>,
    /// Paths of anonymous volumes.
    pub volumes: Vec<String>,
    pub mounts: Vec<MountSpec>,
    pub volumes_from: Vec<String>,
    pub volume_driver: String,
    /// Path to mount options.
    pub tmpfs: BTreeMap<String, String>,
    pub privileged: bool,
    pub cap_add: Vec<String>,
    pub cap_drop: Vec<String>,
    pub security_opt: Vec<String>,
    /// `--security-opt systempaths=unconfined`: nothing under /proc and /sys is hidden.
    pub unmasked_paths: bool,
    /// Host path, path inside, permissions.
    pub devices: Vec<(String, String, String)>,
    pub device_cgroup_rules: Vec<String>,
    /// Number of GPUs, -1 for all.
    pub gpus: Option<i64>,
    pub network: String,
    pub network_aliases: Vec<String>,
    pub ip: String,
    pub ip6: String,
    pub add_hosts: Vec<String>,
    pub dns: Vec<String>,
    pub dns_search: Vec<String>,
    pub dns_options: Vec<String>,
    pub links: Vec<String>,
    pub ports: Vec<PortSpec>,
    /// `port/protocol`
    pub expose: Vec<String>,
    pub publish_all: bool,
    pub init: bool,
    pub read_only: bool,
    pub auto_remove: bool,
    /// Policy and retries.
    pub restart: Option<(String, i64)>,
    pub runtime: String,
    pub cgroupns: String,
    pub cgroup_parent: String,
    pub ipc: String,
    pub pid: String,
    pub uts: String,
    pub userns: String,
    /// Sizes in bytes.
    pub shm_size: Option<i64>,
    pub memory: Option<i64>,
    pub memory_swap: Option<i64>,
    pub memory_reservation: Option<i64>,
    pub nano_cpus: Option<i64>,
    pub cpu_shares: Option<i64>,
    pub cpu_period: Option<i64>,
    pub cpu_quota: Option<i64>,
    pub cpuset_cpus: String,
    pub cpuset_mems: String,
    pub pids_limit: Option<i64>,
    pub oom_score_adj: Option<i64>,
    /// Name, soft, hard.
    pub ulimits: Vec<(String, i64, i64)>,
    pub sysctls: BTreeMap<String, String>,
    pub storage_opts: BTreeMap<String, String>,
    pub group_add: Vec<String>,
    pub log_driver: String,
    pub log_opts: BTreeMap<String, String>,
}

/// One `--mount`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MountSpec {
    pub kind: MountKind,
    pub source: String,
    pub target: String,
    pub read_only: bool,
    /// Of a bind mount: `rprivate`, `rshared`, ...
    pub propagation: String,
    pub tmpfs_size: Option<i64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum MountKind {
    Bind,
    #[default]
    Volume,
    Tmpfs,
}

/// A published port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PortSpec {
    /// `port/protocol`
    pub inside: String,
    pub host_ip: String,
    /// Empty lets the engine choose.
    pub host_port: String,
}

impl ContainerSpec {
    pub(super) fn into_body(mut self) -> ContainerCreateBody {
        let networking_config = self.networking();
        let ports: HashMap<_, _> = self.ports.iter().fold(HashMap::new(), |mut map, port| {
            let binding = PortBinding { host_ip: some(&port.host_ip), host_port: Some(port.host_port.clone()) };
            map.entry(port.inside.clone()).or_insert_with(|| Some(Vec::new())).get_or_insert_default().push(binding);
            map
        });
        self.expose.extend(ports.keys().cloned());
        self.expose.sort();
        self.expose.dedup();
        ContainerCreateBody {
            image: Some(std::mem::take(&mut self.image)),
            entrypoint: self.entrypoint.take(),
            cmd: list(std::mem::take(&mut self.command)),
            user: some(&self.user),
            working_dir: some(&self.workdir),
            env: list(std::mem::take(&mut self.env)),
            labels: map(&self.labels),
            hostname: some(&self.hostname),
            domainname: some(&self.domainname),
            tty: Some(self.tty),
            open_stdin: Some(self.open_stdin),
            attach_stdin: Some(false),
            attach_stdout: Some(false),
            attach_stderr: Some(false),
            stop_signal: some(&self.stop_signal),
            stop_timeout: self.stop_timeout,
            healthcheck: self
                .no_healthcheck
                .then(|| HealthConfig { test: Some(vec!["NONE".to_owned()]), ..HealthConfig::default() }),
            volumes: list(std::mem::take(&mut self.volumes)),
            exposed_ports: list(std::mem::take(&mut self.expose)),
            networking_config,
            host_config: Some(self.into_host_config(ports)),
            ..ContainerCreateBody::default()
        }
    }

    /// Settings within a network exist only for a named one.
    fn networking(&self) -> Option<NetworkingConfig> {
        let plain = self.network_aliases.is_empty() && self.ip.is_empty() && self.ip6.is_empty();
        if plain || self.network.is_empty() {
            return None;
        }
        let ipam = EndpointIpamConfig {
            ipv4_address: some(&self.ip),
            ipv6_address: some(&self.ip6),
            ..EndpointIpamConfig::default()
        };
        let endpoint = EndpointSettings {
            aliases: list(self.network_aliases.clone()),
            ipam_config: Some(ipam),
            ..EndpointSettings::default()
        };
        Some(NetworkingConfig { endpoints_config: Some(HashMap::from([(self.network.clone(), endpoint)])) })
    }

    fn into_host_config(self, ports: HashMap<String, Option<Vec<PortBinding>>>) -> HostConfig {
        HostConfig {
            binds: list(self.binds),
            mounts: list(self.mounts.into_iter().map(mount).collect()),
            volumes_from: list(self.volumes_from),
            volume_driver: some(&self.volume_driver),
            tmpfs: map(&self.tmpfs),
            privileged: Some(self.privileged),
            cap_add: list(self.cap_add),
            cap_drop: list(self.cap_drop),
            security_opt: list(self.security_opt),
            masked_paths: self.unmasked_paths.then(Vec::new),
            readonly_paths: self.unmasked_paths.then(Vec::new),
            devices: list(self.devices.into_iter().map(device).collect()),
            device_cgroup_rules: list(self.device_cgroup_rules),
            device_requests: self.gpus.map(|count| {
                let capabilities = Some(vec![vec!["gpu".to_owned()]]);
                vec![DeviceRequest { count: Some(count), capabilities, ..DeviceRequest::default() }]
            }),
            network_mode: some(&self.network),
            extra_hosts: list(self.add_hosts),
            dns: list(self.dns),
            dns_search: list(self.dns_search),
            dns_options: list(self.dns_options),
            links: list(self.links),
            port_bindings: (!ports.is_empty()).then_some(ports),
            publish_all_ports: Some(self.publish_all),
            init: self.init.then_some(true),
            readonly_rootfs: Some(self.read_only),
            auto_remove: Some(self.auto_remove),
            restart_policy: self.restart.map(restart),
            runtime: some(&self.runtime),
            cgroupns_mode: match self.cgroupns.as_str() {
                "host" => Some(HostConfigCgroupnsModeEnum::HOST),
                "private" => Some(HostConfigCgroupnsModeEnum::PRIVATE),
                _ => None,
            },
            cgroup_parent: some(&self.cgroup_parent),
            ipc_mode: some(&self.ipc),
            pid_mode: some(&self.pid),
            uts_mode: some(&self.uts),
            userns_mode: some(&self.userns),
            shm_size: self.shm_size,
            memory: self.memory,
            memory_swap: self.memory_swap,
            memory_reservation: self.memory_reservation,
            nano_cpus: self.nano_cpus,
            cpu_shares: self.cpu_shares,
            cpu_period: self.cpu_period,
            cpu_quota: self.cpu_quota,
            cpuset_cpus: some(&self.cpuset_cpus),
            cpuset_mems: some(&self.cpuset_mems),
            pids_limit: self.pids_limit,
            oom_score_adj: self.oom_score_adj,
            ulimits: list(self.ulimits.into_iter().map(ulimit).collect()),
            sysctls: map(&self.sysctls),
            storage_opt: map(&self.storage_opts),
            group_add: list(self.group_add),
            log_config: (!self.log_driver.is_empty() || !self.log_opts.is_empty())
                .then(|| HostConfigLogConfig { typ: some(&self.log_driver), config: map(&self.log_opts) }),
            ..HostConfig::default()
        }
    }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn list<T>(items: Vec<T>) -> Option<Vec<T>> {
    (!items.is_empty()).then_some(items)
}

fn map(entries: &BTreeMap<String, String>) -> Option<HashMap<String, String>> {
    (!entries.is_empty()).then(|| entries.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
}

fn device((host, inside, permissions): (String, String, String)) -> DeviceMapping {
    DeviceMapping { path_on_host: Some(host), path_in_container: Some(inside), cgroup_permissions: Some(permissions) }
}

fn ulimit((name, soft, hard): (String, i64, i64)) -> ResourcesUlimits {
    ResourcesUlimits { name: Some(name), soft: Some(soft), hard: Some(hard) }
}

fn restart((policy, retries): (String, i64)) -> RestartPolicy {
    let name = match policy.as_str() {
        "always" => RestartPolicyNameEnum::ALWAYS,
        "unless-stopped" => RestartPolicyNameEnum::UNLESS_STOPPED,
        "on-failure" => RestartPolicyNameEnum::ON_FAILURE,
        _ => RestartPolicyNameEnum::NO,
    };
    RestartPolicy { name: Some(name), maximum_retry_count: Some(retries) }
}

fn mount(spec: MountSpec) -> Mount {
    let propagation = match spec.propagation.as_str() {
        "private" => Some(MountBindOptionsPropagationEnum::PRIVATE),
        "rprivate" => Some(MountBindOptionsPropagationEnum::RPRIVATE),
        "shared" => Some(MountBindOptionsPropagationEnum::SHARED),
        "rshared" => Some(MountBindOptionsPropagationEnum::RSHARED),
        "slave" => Some(MountBindOptionsPropagationEnum::SLAVE),
        "rslave" => Some(MountBindOptionsPropagationEnum::RSLAVE),
        _ => None,
    };
    Mount {
        target: Some(spec.target),
        source: some(&spec.source),
        typ: Some(match spec.kind {
            MountKind::Bind => MountType::BIND,
            MountKind::Volume => MountType::VOLUME,
            MountKind::Tmpfs => MountType::TMPFS,
        }),
        read_only: Some(spec.read_only),
        bind_options: propagation
            .map(|propagation| MountBindOptions { propagation: Some(propagation), ..MountBindOptions::default() }),
        tmpfs_options: spec
            .tmpfs_size
            .map(|size| MountTmpfsOptions { size_bytes: Some(size), ..MountTmpfsOptions::default() }),
        ..Mount::default()
    }
}
