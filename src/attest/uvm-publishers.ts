/** Publishers of utility VMs by a short name (spec snp-attestation section 7). */

/** Who signs endorsements, and for which line of builds. */
export interface UvmPublisher {
  readonly issuer: string;
  readonly feed: string;
}

export const UVM_PUBLISHERS = {
  /** Confidential containers on Azure Container Instances and AKS virtual nodes. */
  aci: {
    issuer:
      'did:x509:0:sha256:I__iuL25oXEVFdTP_aBLx_eT1RPHbCQ_ECBQfYZpt9s::eku:1.3.6.1.4.1.311.76.59.1.2',
    feed: 'ContainerPlat-AMD-UVM',
  },
} as const satisfies Readonly<Record<string, UvmPublisher>>;
