import assert from 'node:assert/strict';
import { readmeOfPackage } from '../build/readme.ts';

const README = `[Limits](#limits) bound it ([why](../docs/why.md), [how](../docs/how.md#first)). Others
([measured](test/measured.md)) follow the [guide](../docs/guide.md).`;

describe('The README of the package', () => {
  it('leads to the files of the release', () => {
    const release = 'https://github.com/acme/mesh/blob/rpc-kit-v1.0.0';
    assert.equal(
      readmeOfPackage(README, `${release}/rpc-kit/`),
      `[Limits](#limits) bound it ([why](${release}/docs/why.md), [how](${release}/docs/how.md#first)). Others
([measured](${release}/rpc-kit/test/measured.md)) follow the [guide](${release}/docs/guide.md).`,
    );
  });

  it('has no links to files around the package, and no remarks of such links, where no release is known', () => {
    assert.equal(readmeOfPackage(README, undefined), '[Limits](#limits) bound it. Others follow the guide.');
  });
});
