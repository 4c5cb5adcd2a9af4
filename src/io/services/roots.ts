/** Certificate authorities that Node trusts. */
import { rootCertificates as roots } from 'node:tls';

/** PEM texts. */
export const rootCertificates = (): readonly string[] => roots;
