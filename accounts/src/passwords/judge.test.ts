import assert from 'node:assert/strict';
import { createJudge } from './judge.ts';

const EMAIL = 'anna.smith@riverbank.example';

describe('The judge of passwords', () => {
  const judge = createJudge(15);

  const fit = [
    'a walk along the river',
    'thequickbrownfox',
    'пароль из трёх слов',
    'correct horse battery staple',
    `${'a'.repeat(40)} and then a walk along the river`,
    `a walk along the river ${'a'.repeat(1_000)}`,
  ];
  for (const password of fit) {
    it(`accepts "${password.slice(0, 40)}" of ${password.length} characters`, () => {
      assert.equal(judge(password, EMAIL), undefined);
    });
  }

  it('counts characters, and not bytes or UTF-16 units, once they are composed', () => {
    const fourteen = ['a walk by sea.', 'прогулка вдоль', '🌊🚣🏞🦆🐟🌲🪨🛶🌁🌉🏔🗻🌄🌅', 'e\u0301 walk by sea.'];
    for (const password of fourteen) {
      assert.equal([...password.normalize('NFC')].length, 14);
      assert.equal(judge(password, EMAIL), 'too_short', password);
      assert.notEqual(judge(`${password}x`, EMAIL), 'too_short', password);
    }
  });

  it('has the length that it is given', () => {
    assert.equal(createJudge(8)('a walk b', EMAIL), undefined);
    assert.equal(createJudge(8)('a walk ', EMAIL), 'too_short');
  });

  const common = [
    'passwordpassword',
    'Password123456!',
    '123456789012345',
    'qwertyuiopasdfgh',
    'iloveyouiloveyou',
    'aaaaaaaaaaaaaaa',
    'p@$$w0rdp@$$w0rd',
    'letmeinletmein123',
    'm0nk3ydr4g0n123',
    '$unsh1n3$unsh1n3',
    'a'.repeat(1_024),
    'p@$$w0rd'.repeat(128),
  ];
  for (const password of common) {
    it(`refuses "${password.slice(0, 40)}" of ${password.length} characters as common`, () => {
      assert.equal(judge(password, EMAIL), 'common');
    });
  }

  const context = [
    'order-mesh-order',
    'ORDERMESH ordermesh',
    'anna.smith@riverbank.example',
    'Riverbank.Smith.Anna',
    'annasmith12345678',
    'riverbank-riverbank',
  ];
  for (const password of context) {
    it(`refuses "${password}", which is made of the service's name or the address`, () => {
      assert.equal(judge(password, EMAIL), 'context');
    });
  }

  it('takes short parts of an address for chance', () => {
    assert.equal(judge('a walk along the river', 'a@al.example'), undefined);
  });
});
