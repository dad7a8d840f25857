declare module "express" {
  export default function express(): any;
}
