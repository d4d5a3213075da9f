//! Starting the programs, waiting until they are of use, and the ways to talk to them.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::json;

use crate::folder::Folder;
use crate::keeper::Keeper;
use crate::keys::{self, Signing};
use crate::{Error, Programs};

/// How long it may take to come up: a few seconds by itself, and much longer on a machine that builds at the same time.
const READY_MAX: Duration = Duration::from_secs(90);

/// The pause between two looks at whether it is ready.
const PAUSE: Duration = Duration::from_millis(50);

/// How often other ports are tried when somebody else was faster to take one.
const ATTEMPTS: u32 = 3;

/// The addresses of Services. In a network namespace of one's own they can be made local, for a service proxy to listen on.
pub const SERVICE_RANGE: &str = "10.0.0.0/16";

/// The API server's name in the list of children and of logs.
const APISERVER: &str = "kube-apiserver";

/// How a control plane is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is started.
    pub programs: Programs,
    /// The port of the API server, `None` for a free one.
    pub port: Option<u16>,
}

impl Options {
    /// These programs, on free ports.
    pub fn new(programs: Programs) -> Self {
        Self { programs, port: None }
    }
}

/// A running control plane; it ends when this is dropped.
///
/// *Guarantees.* When [`ControlPlane::start`] returns, the API server is ready and the controllers work. Its processes are gone
/// when `drop` returns, and soon after this process has ended in any other way.
#[derive(Debug)]
pub struct ControlPlane {
    // Before the folder, so that nobody writes into it while it is removed.
    keeper: Keeper,
    folder: Folder,
    programs: Programs,
    port: u16,
    token: String,
}

impl ControlPlane {
    /// Starts etcd, kube-apiserver and kube-controller-manager, and waits until they are of use.
    pub async fn start(options: Options) -> Result<Self, Error> {
        for _ in 1..ATTEMPTS {
            match Self::attempt(&options).await {
                Err(Error::PortTaken(port)) if options.port != Some(port) => {}
                outcome => return outcome,
            }
        }
        Self::attempt(&options).await
    }

    async fn attempt(options: &Options) -> Result<Self, Error> {
        // Held until the others are chosen, so that none of them is this one.
        let held = options.port.map(|port| hold(port).map_err(|_| Error::PortTaken(port))).transpose()?;
        let [client, peer, free] = free_ports().map_err(Error::NoPort)?;
        drop(held);
        let port = options.port.unwrap_or(free);
        let folder = Folder::make()?;
        let (programs, token) = (options.programs.clone(), keys::token()?);
        let plane = Self { keeper: Keeper::new(), folder, programs, port, token };
        let ready = async {
            plane.run(&plane.etcd(client, peer))?;
            plane.run(&plane.apiserver(client)?)?;
            plane.served().await?;
            plane.run(&plane.controller_manager()?)?;
            plane.controlled().await
        };
        match ready.await {
            Ok(()) => Ok(plane),
            Err(Error::Died { program, words, .. }) if words.contains("address already in use") => {
                Err(Error::PortTaken(if program == APISERVER { port } else { client }))
            }
            Err(error) => Err(error),
        }
    }

    /// Where the API server is: `https://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// The bearer token of a user who may do everything.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The certificate by which the API server is known, as PEM.
    pub fn certificate(&self) -> Result<String, Error> {
        self.read("apiserver.crt")
    }

    /// The key of that certificate, as PEM. The API server takes any certificate from a node's agent, this one included.
    pub fn key(&self) -> Result<String, Error> {
        self.read("apiserver.key")
    }

    /// A kubeconfig for the user who may do everything.
    pub fn kubeconfig(&self) -> Result<String, Error> {
        self.kubeconfig_with(&self.token)
    }

    /// A kubeconfig for whoever has this token.
    pub fn kubeconfig_with(&self, token: &str) -> Result<String, Error> {
        let certificate = STANDARD.encode(self.certificate()?);
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": {
                "server": self.url(),
                "certificate-authority-data": certificate,
            }}],
            "users": [{"name": "test", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "current-context": "test",
        });
        // JSON is YAML.
        Ok(format!("{config:#}\n"))
    }

    /// A client for the user who may do everything, of the runtime that first uses it.
    pub fn client(&self) -> Result<Client, Error> {
        self.client_with(&self.token)
    }

    /// A client for whoever has this token.
    pub fn client_with(&self, token: &str) -> Result<Client, Error> {
        let failed = |error: kube::Error| Error::Client(Box::new(error));
        let unread = |error| failed(kube::Error::InferKubeconfig(error));
        let kubeconfig = Kubeconfig::from_yaml(&self.kubeconfig_with(token)?).map_err(unread)?;
        let config =
            futures::executor::block_on(Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()));
        Client::try_from(config.map_err(unread)?).map_err(failed)
    }

    /// A command that runs `kubectl` of the same release as the user who may do everything, `None` where it was not found.
    pub fn kubectl(&self) -> Option<Command> {
        let mut command = self.programs.kubectl()?.command();
        command.arg("--kubeconfig").arg(self.folder.file("kubeconfig"));
        Some(command)
    }

    /// Its folder, for files that should go with it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Whether all of it still runs; what ended says why.
    pub fn check(&self) -> Result<(), Error> {
        let Some((program, status)) = self.keeper.ended() else { return Ok(()) };
        Err(Error::Died { program, status: status.to_string(), words: self.folder.last_words(program) })
    }

    /// Waits until one of its programs has ended, and says why.
    pub async fn ended(&self) -> Error {
        loop {
            if let Err(error) = self.check() {
                return error;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn read(&self, name: &str) -> Result<String, Error> {
        let path = self.folder.file(name);
        std::fs::read_to_string(&path).map_err(|source| Error::Folder { path, source })
    }

    fn run(&self, (name, command): &(&'static str, Command)) -> Result<(), Error> {
        let failed = |source| Error::Run { path: command.get_program().into(), source };
        self.keeper.start(name, command, &self.folder.log(name)).map_err(failed)
    }

    fn etcd(&self, client: u16, peer: u16) -> (&'static str, Command) {
        let program = &self.programs.etcd;
        let (client, peer) = (format!("http://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
        let mut command = program.command();
        // Nothing here outlives the test, so that nothing has to survive a power cut.
        command
            .args(["--name=test", "--unsafe-no-fsync", "--log-level=warn"])
            .arg(format!("--data-dir={}", self.folder.file("etcd").display()))
            .arg(format!("--listen-client-urls={client}"))
            .arg(format!("--advertise-client-urls={client}"))
            .arg(format!("--listen-peer-urls={peer}"))
            .arg(format!("--initial-advertise-peer-urls={peer}"))
            .arg(format!("--initial-cluster=test={peer}"));
        (program.name, command)
    }

    fn apiserver(&self, etcd: u16) -> Result<(&'static str, Command), Error> {
        let program = &self.programs.apiserver;
        let signing = Signing::new()?;
        let private = self.folder.write("signing.key", &signing.private)?;
        let public = self.folder.write("signing.pub", &signing.public)?;
        let users = self.folder.write("users", &format!("{},admin,admin,system:masters\n", self.token))?;
        let mut command = program.command();
        command
            .arg(format!("--etcd-servers=http://127.0.0.1:{etcd}"))
            .arg(format!("--secure-port={}", self.port))
            // Here it leaves the certificate that it makes for itself.
            .arg(format!("--cert-dir={}", self.folder.path().display()))
            .arg(format!("--token-auth-file={}", users.display()))
            .arg(format!("--service-account-signing-key-file={}", private.display()))
            .arg(format!("--service-account-key-file={}", public.display()))
            .arg(format!("--service-cluster-ip-range={SERVICE_RANGE}"))
            .args([
                "--bind-address=127.0.0.1",
                // Otherwise it looks for the machine's own address, which a network namespace may not have.
                "--advertise-address=127.0.0.1",
                "--service-account-issuer=https://kubernetes.default.svc",
                "--authorization-mode=RBAC",
                // No DNS here knows the names of nodes.
                "--kubelet-preferred-address-types=InternalIP",
                // Pods here read no token, and nobody publishes the certificate that would have to come with it.
                "--disable-admission-plugins=ServiceAccount",
                "--endpoint-reconciler-type=none",
                "--profiling=false",
            ]);
        Ok((program.name, command))
    }

    fn controller_manager(&self) -> Result<(&'static str, Command), Error> {
        let program = &self.programs.controller_manager;
        let kubeconfig = self.folder.write("kubeconfig", &self.kubeconfig()?)?;
        let mut command = program.command();
        command.arg(format!("--kubeconfig={}", kubeconfig.display())).args([
            "--leader-elect=false",
            "--secure-port=0",
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
            CONTROLLERS,
        ]);
        Ok((program.name, command))
    }

    /// Waits until the API server says that it is ready.
    async fn served(&self) -> Result<(), Error> {
        let mut client = None;
        self.until("the API server does not answer /readyz with ok", APISERVER, async || {
            if client.is_none() {
                // Until the server has made its certificate there is nothing to know it by.
                client = self.client().ok();
            }
            let Some(client) = client.clone() else { return false };
            let request = http::Request::get("/readyz").body(Vec::new()).expect("the path is one");
            client.request_text(request).await.is_ok()
        })
        .await
    }

    /// Waits until the controllers have done their first work.
    async fn controlled(&self) -> Result<(), Error> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client()?, "default");
        self.until(
            "no controller has made the ServiceAccount default",
            self.programs.controller_manager.name,
            async || accounts.get("default").await.is_ok(),
        )
        .await
    }

    async fn until(
        &self,
        missing: &'static str,
        program: &'static str,
        mut ready: impl AsyncFnMut() -> bool,
    ) -> Result<(), Error> {
        let wait = async {
            while !ready().await {
                self.check()?;
                tokio::time::sleep(PAUSE).await;
            }
            Ok(())
        };
        let late = || Error::Late { waited: READY_MAX, missing, words: self.folder.last_words(program) };
        tokio::time::timeout(READY_MAX, wait).await.unwrap_or_else(|_| Err(late()))
    }
}

/// What a release can meet. Without a node of Kubernetes' own there is nothing for the others to look after.
const CONTROLLERS: &str = "--controllers=daemonset-controller,deployment-controller,disruption-controller,\
    endpoints-controller,endpointslice-controller,garbage-collector-controller,horizontal-pod-autoscaler-controller,\
    namespace-controller,replicaset-controller,resourcequota-controller,serviceaccount-controller,statefulset-controller";

/// Ports that nobody listens on, each another one.
fn free_ports<const N: usize>() -> std::io::Result<[u16; N]> {
    let mut held = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = hold(0)?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

/// Keeps a port from others, 0 for any.
fn hold(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", port))
}
