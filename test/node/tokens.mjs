// Prints keys and tokens that jose made, as one JSON object:
//   { pem: { RS256: "…" }, jwks: { keys: […] }, tokens: [{ name, algorithm, token, good }] }
// Usage: node tokens.mjs ISSUER AUDIENCE SECRET
import { CompactSign, EncryptJWT, SignJWT, UnsecuredJWT, exportJWK, exportSPKI, generateKeyPair } from 'jose';

const [issuer, audience, text] = process.argv.slice(2);
const secret = new TextEncoder().encode(text);
const tokens = [];
const pem = {};
const jwks = { keys: [] };

const claims = (more) => ({ name: 'Zoë 😀', scope: 'orders.read orders.write', roles: ['buyer'], ...more });

function jwt(algorithm, more, header) {
  return new SignJWT(claims(more)).setProtectedHeader({ alg: algorithm, ...header })
    .setIssuer(issuer).setAudience(audience).setSubject('zoe').setIssuedAt().setExpirationTime('5m');
}

for (const algorithm of ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512']) {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
  const kid = `kid-${algorithm}`;
  pem[algorithm] = await exportSPKI(publicKey);
  jwks.keys.push({ ...await exportJWK(publicKey), kid, alg: algorithm, use: 'sig' });
  const add = async (name, good, token) => tokens.push({ name: `${algorithm} ${name}`, algorithm, good, token: await token });
  await add('plain', true, jwt(algorithm, {}, { kid, typ: 'JWT' }).sign(privateKey));
  await add('at+jwt, list of audiences, nbf', true, jwt(algorithm, {}, { kid, typ: 'at+jwt' }).setAudience(['elsewhere', audience]).setNotBefore('-1m').sign(privateKey));
  await add('public key in its header', true, jwt(algorithm, {}, { kid, jwk: await exportJWK(publicKey) }).sign(privateKey));
  await add('expired', false, jwt(algorithm, {}, { kid }).setExpirationTime('-1m').sign(privateKey));
  await add('for another audience', false, jwt(algorithm, {}, { kid }).setAudience('elsewhere').sign(privateKey));
  await add('critical header', false, jwt(algorithm, {}, { kid, crit: ['exp'], exp: 1 }).sign(privateKey, { crit: { exp: true } }));
  const stranger = await generateKeyPair(algorithm);
  await add("by a stranger's key", false, jwt(algorithm, {}, { kid }).sign(stranger.privateKey));
  // The public key that everybody has, as the secret of another algorithm.
  await add('HS256 with the PEM', false, jwt('HS256', {}, { kid }).sign(new TextEncoder().encode(pem[algorithm])));
}

for (const algorithm of ['HS256', 'HS384', 'HS512']) {
  const add = async (name, good, token) => tokens.push({ name: `${algorithm} ${name}`, algorithm, good, token: await token });
  await add('plain', true, jwt(algorithm).sign(secret));
  await add('with a kid', true, jwt(algorithm, {}, { kid: 'any' }).sign(secret));
  await add('no expiry', false, new SignJWT(claims()).setProtectedHeader({ alg: algorithm }).setIssuer(issuer).setAudience(audience).setSubject('zoe').sign(secret));
  await add('not JSON', false, new CompactSign(new TextEncoder().encode('hello')).setProtectedHeader({ alg: algorithm }).sign(secret));
  await add('unsigned', false, new UnsecuredJWT(claims()).setIssuer(issuer).setAudience(audience).setSubject('zoe').setExpirationTime('5m').encode());
}
tokens.push({ name: 'encrypted', algorithm: 'HS256', good: false, token: await new EncryptJWT(claims()).setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
  .setIssuer(issuer).setAudience(audience).setSubject('zoe').setExpirationTime('5m').encrypt(secret.slice(0, 32)) });

console.log(JSON.stringify({ pem, jwks, tokens }));
