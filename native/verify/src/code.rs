//! The closed lists of checks and of reason codes. Their texts are stable: programs compare them.

use serde::{Serialize, Serializer};
use std::fmt;

macro_rules! named {
    ($(#[$about:meta])* $kind:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $kind { $($(#[$doc])* $variant,)+ }

        impl $kind {
            /// All of them, in order.
            pub const ALL: &'static [$kind] = &[$($kind::$variant,)+];

            /// The stable text.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $($kind::$variant => $text,)+ }
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl Serialize for $kind {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

named! {
    /// What is judged, in the order of the verdict. The table of README.md says what each means.
    Check {
        /// The vTPM report around the SNP report is well formed.
        Hcl = "hcl",
        /// The certificate table is well formed and holds a leaf.
        CertificateTable = "certificate-table",
        /// 1184 bytes.
        Length = "length",
        /// Report version 2 to 5.
        Version = "version",
        /// ECDSA P-384 with SHA-384.
        SignatureAlgorithm = "signature-algorithm",
        /// Bytes that must be zero.
        Reserved = "reserved",
        /// Signed by a VCEK or VLEK.
        SigningKey = "signing-key",
        /// Both parts of the signature are between 0 and the order of the curve.
        SignatureRange = "signature-range",
        /// Leaf and two certificates, each one strict DER certificate.
        ChainFormat = "chain-format",
        /// The leaf is of the kind that the report says, and allowed.
        LeafKind = "leaf-kind",
        /// The root is one of AMD's.
        ChainAnchor = "chain-anchor",
        /// Names and signatures of the chain.
        ChainSignature = "chain-signature",
        /// Keys, constraints and critical extensions of the chain.
        ChainProfile = "chain-profile",
        /// Validity at the time given.
        ChainTime = "chain-time",
        /// The revocation list.
        Revocation = "revocation",
        /// AMD's extensions of the leaf.
        LeafExtensions = "leaf-extensions",
        /// The signature of the report.
        ReportSignature = "report-signature",
        /// CPU family and model belong to the product line of the chain.
        Product = "product",
        /// Reserved bytes of the four TCBs.
        TcbReserved = "tcb-reserved",
        /// The reported TCB is that of the leaf.
        TcbCertificate = "tcb-certificate",
        /// reported <= committed <= current.
        TcbOrder = "tcb-order",
        /// Minimum of reported and launch TCB.
        TcbMinimum = "tcb-minimum",
        /// The chip is that of the leaf, and listed.
        Chip = "chip",
        /// The cloud provider of a VLEK is listed.
        Csp = "csp",
        /// Guest policy bits.
        GuestPolicy = "guest-policy",
        /// No debugging by the host.
        Debug = "debug",
        /// No migration agent.
        MigrationAgent = "migration-agent",
        /// Platform bits.
        Platform = "platform",
        /// Privilege level.
        Vmpl = "vmpl",
        /// Minimum guest SVN.
        GuestSvn = "guest-svn",
        /// Minimum firmware version.
        Firmware = "firmware",
        /// Required mitigation bits.
        Mitigations = "mitigations",
        /// Digest of the author key.
        AuthorKey = "author-key",
        /// Digest of the ID key.
        IdKey = "id-key",
        /// Family id.
        FamilyId = "family-id",
        /// Image id.
        ImageId = "image-id",
        /// Launch measurement.
        LaunchMeasurement = "launch-measurement",
        /// Report data is the hash of the runtime data of a vTPM report.
        RuntimeData = "runtime-data",
        /// Report data.
        ReportData = "report-data",
        /// Host data: the measurement of the policy.
        HostData = "host-data",
        /// The endorsement is one COSE_Sign1 with its chain.
        UvmFormat = "uvm-format",
        /// Its chain.
        UvmChain = "uvm-chain",
        /// Its signature.
        UvmSignature = "uvm-signature",
        /// Its issuer: the expected one, and proven by the chain.
        UvmIssuer = "uvm-issuer",
        /// Its feed.
        UvmFeed = "uvm-feed",
        /// Its payload.
        UvmPayload = "uvm-payload",
        /// Its security version.
        UvmSvn = "uvm-svn",
        /// It endorses the launch measurement of the report.
        UvmMeasurement = "uvm-measurement",
    }
}

named! {
    /// Why a check failed.
    Code {
        /// Expectation or evidence is no such document.
        Usage = "E_USAGE",
        /// Not 1184 bytes.
        Length = "E_LENGTH",
        /// Unknown report version.
        Version = "E_VERSION",
        /// Unknown signature algorithm.
        Sigalgo = "E_SIGALGO",
        /// A byte or bit that must be zero.
        Reserved = "E_RESERVED",
        /// Another or no signing key.
        SigningKey = "E_SIGNING_KEY",
        /// R or S out of range.
        SigRange = "E_SIG_RANGE",
        /// No chain of three DER certificates.
        ChainFormat = "E_CHAIN_FORMAT",
        /// A certificate with other contents than AMD's.
        CertProfile = "E_CERT_PROFILE",
        /// A root that is not trusted.
        ChainAnchor = "E_CHAIN_ANCHOR",
        /// A certificate not issued by the next one.
        ChainSig = "E_CHAIN_SIG",
        /// Outside of the validity.
        CertTime = "E_CERT_TIME",
        /// No valid revocation list.
        Crl = "E_CRL",
        /// Revoked.
        Revoked = "E_REVOKED",
        /// Another product line.
        Product = "E_PRODUCT",
        /// Bad signature of the report.
        Signature = "E_SIGNATURE",
        /// TCB of report and leaf differ.
        TcbCert = "E_TCB_CERT",
        /// TCBs out of order.
        TcbOrder = "E_TCB_ORDER",
        /// TCB below the minimum.
        TcbMin = "E_TCB_MIN",
        /// Another chip.
        ChipId = "E_CHIP_ID",
        /// Another cloud provider.
        CspId = "E_CSP_ID",
        /// Guest policy.
        Policy = "E_POLICY",
        /// Debugging allowed.
        Debug = "E_DEBUG",
        /// Migration allowed.
        MigrateMa = "E_MIGRATE_MA",
        /// Platform bits.
        PlatformInfo = "E_PLATFORM_INFO",
        /// Another privilege level.
        Vmpl = "E_VMPL",
        /// Guest SVN too low.
        GuestSvn = "E_GUEST_SVN",
        /// Firmware too old.
        Firmware = "E_FIRMWARE",
        /// A mitigation is missing.
        Mitigation = "E_MITIGATION",
        /// Another author key.
        AuthorKey = "E_AUTHOR_KEY",
        /// Another ID key.
        IdKey = "E_ID_KEY",
        /// Another family id.
        FamilyId = "E_FAMILY_ID",
        /// Another image id.
        ImageId = "E_IMAGE_ID",
        /// Another launch measurement.
        Measurement = "E_MEASUREMENT",
        /// Other report data.
        ReportData = "E_REPORT_DATA",
        /// Other host data.
        HostData = "E_HOST_DATA",
        /// Endorsement that cannot be read.
        UvmFormat = "E_UVM_FORMAT",
        /// Bad chain of the endorsement.
        UvmChain = "E_UVM_CHAIN",
        /// Bad signature of the endorsement.
        UvmSignature = "E_UVM_SIGNATURE",
        /// Another or unproven issuer.
        UvmIssuer = "E_UVM_ISSUER",
        /// Another feed.
        UvmFeed = "E_UVM_FEED",
        /// Payload that cannot be read.
        UvmPayload = "E_UVM_PAYLOAD",
        /// Endorsed version too low.
        UvmSvn = "E_UVM_SVN",
        /// Another launch measurement than the report's.
        UvmMeasurement = "E_UVM_MEASUREMENT",
        /// Malformed certificate table.
        Certtable = "E_CERTTABLE",
        /// Certificate table without VCEK and VLEK.
        CerttableNoVcek = "E_CERTTABLE_NO_VCEK",
        /// Malformed vTPM report.
        Hcl = "E_HCL",
    }
}
