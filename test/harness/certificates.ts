import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** PEM files of one certificate and its key. */
interface CertificateFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** An authority of a test's own. */
export interface Authority {
  readonly caFile: string;
  /** @param days - Below 0 makes a certificate that is over. */
  issue(name: string, days?: number): CertificateFiles;
}

/** Makes an authority in a folder with openssl; certificates are for 127.0.0.1 and localhost. */
export function createAuthority(folder: string, name = 'authority'): Authority {
  const caFile = join(folder, `${name}.pem`);
  const caKey = join(folder, `${name}.key`);
  openssl(`req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=${name}`, [
    '-keyout',
    caKey,
    '-out',
    caFile,
  ]);
  return {
    caFile,
    issue(subject, days = 2) {
      const keyFile = join(folder, `${subject}.key`);
      const request = join(folder, `${subject}.csr`);
      const certificateFile = join(folder, `${subject}.pem`);
      const extensions = join(folder, `${subject}.ext`);
      writeFileSync(extensions, `subjectAltName=DNS:localhost,DNS:${subject},IP:127.0.0.1\n`);
      openssl(`req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=${subject}`, [
        '-keyout',
        keyFile,
        '-out',
        request,
      ]);
      const files = ['-in', request, '-CA', caFile, '-CAkey', caKey, '-out', certificateFile];
      openssl('x509 -req -CAcreateserial', [...files, '-extfile', extensions, '-days', String(days)]);
      return { certificateFile, keyFile };
    },
  };
}

function openssl(command: string, more: readonly string[]): void {
  execFileSync('openssl', [...command.split(' '), ...more], { stdio: 'pipe' });
}
