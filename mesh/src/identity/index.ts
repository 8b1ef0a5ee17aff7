export {
  createIdentities,
  IDENTITIES,
  identityVariables,
  loadCaller,
  type MeshCaller,
  replaceFile,
} from './identities.ts';
