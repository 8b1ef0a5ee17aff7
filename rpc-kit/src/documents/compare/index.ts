export { type Change, contractChanges } from './contract-changes.ts';
export { type ContractFace, parseContractFaces, stringifyContractFaces, toContractFace } from './contract-face.ts';
